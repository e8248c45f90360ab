import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { InvalidInputError, systemClock, VirtualClock } from "@evertoken/core";
import { FAULTS, loadScenario, parseScenario, shippedScenarios, startSimulator } from "@evertoken/simulator";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { HOUR, imdsOf, s3Of } from "./instance.js";

const MINIMAL = `title: Nothing
about: Nothing happens
lasts: 2h
`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "evertoken-scenario-"));
  return () => rm(directory, { recursive: true });
});

async function played(rest: string) {
  const clock = new VirtualClock({ realNetwork: true });
  const scenario = parseScenario(`${MINIMAL}${rest}`, "test.yaml");
  const simulator = await startSimulator({ scenario, clock });
  onTestFinished(() => simulator.close());
  const { scenario: run } = simulator;
  if (run === undefined) throw new Error("nothing is being played");
  return { simulator, clock, run };
}

const put = (s3: S3Client) => s3.send(new PutObjectCommand({ Bucket: "reports", Key: "a", Body: "b" })).catch(() => {});

describe("a scenario", () => {
  it("plays its timeline, and is over when its time has passed", async () => {
    const { simulator, clock, run } = await played(`
timeline:
  - { at: 30min, until: 1h, fault: imds-error, status: 503 }
expect: [ no client saw ExpiredToken ]
`);
    const imds = imdsOf(simulator);
    const statuses: number[] = [];

    for (let part = 0; part < 4; part++) {
      statuses.push((await imds.get("/latest/", "any")).status);
      await clock.advance(30 * 60_000);
    }

    expect(statuses).toEqual([401, 503, 401, 401]);
    expect(await run.finished).toEqual({
      passed: true,
      expectations: [{ text: "no client saw ExpiredToken", problem: undefined }],
    });
  });

  it("moves the clock", async () => {
    const { clock } = await played(`
timeline:
  - { at: 30min, clock: { step: 1h } }
  - { at: 1h45min, clock: { step: -10min, speed: 2 } }
expect: [ no client saw ExpiredToken ]
`);
    const startedAt = clock.now();

    await clock.advance(30 * 60_000);
    expect(clock.now() - startedAt).toBe(1.5 * HOUR);
    await clock.advance(15 * 60_000);

    expect((clock.now() - startedAt) / HOUR).toBeCloseTo(1.75 - 1 / 6, 2);
    expect(clock.speed).toBe(2);
  });

  it("that moves the clock is refused on the host's own", async () => {
    const scenario = parseScenario(
      `${MINIMAL}timeline: [ { at: 1h, clock: { step: 1h } } ]\nexpect: [ no client saw X ]`,
      "test.yaml",
    );

    await expect(startSimulator({ scenario, clock: systemClock })).rejects.toThrow("changes the clock");
  });

  it("says how long credentials live, unless the caller does", async () => {
    const scenario = parseScenario(
      `${MINIMAL}simulator: { credentialLifetime: 20min, rotationInterval: 5min, speed: 60 }\nexpect: [ no client saw X ]`,
      "test.yaml",
    );
    const lives = async (options: { credentialLifetimeMs?: number }) => {
      await using simulator = await startSimulator({ scenario, ...options });
      const { Expiration: expiration } = await imdsOf(simulator).credentials();
      return (Date.parse(expiration) - simulator.clock.now()) / 60_000;
    };

    expect(await lives({})).toBeLessThanOrEqual(20);
    expect(await lives({ credentialLifetimeMs: HOUR })).toBeGreaterThan(50);
  });
});

describe("an expectation", () => {
  /** Two requests that work, one refused at one hour, and one that works again, unless told otherwise. */
  async function judged(expectation: string, { recovers = true } = {}) {
    const { simulator, clock, run } = await played(`expect: [ ${expectation} ]\n`);
    const s3 = await s3Of(simulator);
    await put(s3);
    await clock.advance(HOUR);
    // Whatever the SDK's clock says.
    s3.config.systemClockOffset = HOUR;
    const fault = simulator.fault("s3-expired-token");
    await put(s3);
    await clock.advance(5 * 60_000);
    s3.config.systemClockOffset += 5 * 60_000;
    await put(s3);
    fault.end();
    await clock.advance(5 * 60_000);
    s3.config.systemClockOffset += 5 * 60_000;
    if (recovers) await put(s3);
    await clock.advance(HOUR);
    const { expectations } = await run.finished;
    return expectations[0]?.problem;
  }

  it.each([
    ["no client saw AccessDenied", undefined],
    ["no client saw ExpiredToken", "2 requests were answered so, the first of them default's PutObject at 1h (FAULT"],
    ["no client saw Expired", undefined],
    ["some client saw ExpiredToken", undefined],
    ["some client saw AccessDenied", "none did"],
    ["no client saw ExpiredToken for longer than 5min", undefined],
    ["no client saw ExpiredToken for longer than 4min", "it lasted 5min, up to default's PutObject at 1h5min"],
    ["every client was served after 1h", undefined],
    ["every client was served after 1h30min", "default was served last at 1h10min"],
    ["every client was served at least every 1h10min", undefined],
    ["every client was served at least every 1h", "none of its requests was, for 1h10min: default from 0s to 1h10min"],
    ["{ requests: { service: s3, decision: ExpiredToken }, atMost: 2, atLeast: 2 }", undefined],
    ["{ requests: { service: s3, decision: ExpiredToken, to: 1h }, atLeast: 2 }", "there were 1"],
    ["{ requests: { service: s3, status: 200, from: 1h }, atMost: 0 }", "there were 1"],
    ["{ requests: { service: imds, operation: token }, atMost: 0 }", "there were 1"],
    ["{ requests: { client: nobody }, atMost: 0 }", undefined],
  ])("%s: %s", async (expectation, problem) => {
    const found = await judged(expectation);

    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });

  it("sees a client that never comes back", async () => {
    const recovers = false;

    expect(await judged("every client was served at least every 1h30min", { recovers })).toContain("from 0s to 2h");
    expect(await judged("every client was served after 30min", { recovers })).toContain(
      "default was served last at 0s",
    );
  });

  it.each(["every client was served after 1h", "every client was served at least every 2h"])(
    "%s is not met when nobody asks",
    async (expectation) => {
      const { run, clock } = await played(`expect: [ ${expectation} ]\n`);

      await clock.advance(2 * HOUR);

      expect((await run.finished).passed).toBe(false);
    },
  );

  it("does not count what comes after the end", async () => {
    const { simulator, run, clock } = await played("expect: [ some client saw ExpiredToken ]\n");
    await clock.advance(2 * HOUR);
    const { passed } = await run.finished;
    simulator.fault("s3-expired-token");

    await put(await s3Of(simulator));

    expect([passed, run.verdict().passed]).toEqual([false, false]);
  });
});

describe("a scenario that is wrong is refused with the line", () => {
  const valid = `${MINIMAL}expect: [ no client saw X ]\n`;

  it.each([
    ["title: [", "line"],
    ["title: T\nlasts: 1h\nexpect: [ no client saw X ]\n", "line 1: about is missing"],
    [`${MINIMAL}`, "line 1: expect is missing"],
    [`${MINIMAL}expect: []\n`, "line 4: expect has no expectation"],
    [valid.replace("2h", "2 hours"), 'line 3: lasts is "2 hours": expected a length of time, such as 90s'],
    [valid.replace("2h", "7200"), "line 3: lasts is 7200: expected a length of time"],
    [`${valid}last: 1h\n`, "line 5: last is nothing a scenario knows"],
    [
      `${valid}timeline:\n  - at: 1h\n    fault: imds-dwon\n`,
      'line 7: timeline[0].fault is "imds-dwon": expected one of',
    ],
    [
      `${valid}timeline:\n  - { at: 1h, fault: imds-down }\n  - { at: soon, fault: imds-down }\n`,
      "line 7: timeline[1].at",
    ],
    [`${valid}timeline:\n  - fault: imds-down\n`, "line 6: timeline[0].at is missing"],
    [`${valid}timeline:\n  - { at: 2h, until: 1h, fault: imds-down }\n`, "line 6: timeline[0] ends at 1 h"],
    [
      `${valid}timeline:\n  - { at: 1h, fault: imds-down, delayMs: 5 }\n`,
      "has delayMs, which means nothing to imds-down",
    ],
    [
      `${valid}timeline:\n  - at: 1h\n    fault: s3-down\n    where:\n      nth: 0\n`,
      "line 9: timeline[0].where.nth is 0",
    ],
    [`${valid}timeline:\n  - { at: 1h, clock: { step: fast } }\n`, 'line 6: timeline[0].clock.step is "fast"'],
    [`${valid}timeline:\n  - { at: 1h, clock: { jump: 1h } }\n`, "line 6: timeline[0].clock.jump is nothing"],
    [
      `${MINIMAL}expect:\n  - no client saw X\n  - all is well\n`,
      'line 6: expect[1] is "all is well": expected a sentence',
    ],
    [`${MINIMAL}expect:\n  - { requests: { service: s3 } }\n`, "line 5: expect[0] has no bound"],
    [`${MINIMAL}expect:\n  - { requests: { service: s4 }, atMost: 1 }\n`, "line 5: expect[0].requests.service is"],
    ["just text", "line 1: the scenario is"],
    [
      `a: &a [x,x]\nb: &b [${"*a,".repeat(9)}]\nc: &c [${"*b,".repeat(9)}]\nd: [${"*c,".repeat(9)}]\n`,
      "cannot be read: Excessive alias count",
    ],
    ["", "line 1: the scenario is"],
  ])("%j", (yaml, says) => {
    expect(() => parseScenario(yaml, "test.yaml")).toThrow(InvalidInputError);
    expect(() => parseScenario(yaml, "test.yaml")).toThrow(/^test\.yaml: /);
    expect(() => parseScenario(yaml, "test.yaml")).toThrow(says);
  });
});

describe("loading a scenario", () => {
  it("takes a file", async () => {
    const file = join(directory, "mine.yaml");
    await writeFile(file, `${MINIMAL}expect: [ no client saw X ]\n`);

    expect(await loadScenario(file)).toMatchObject({ title: "Nothing", lastsMs: 2 * HOUR });
  });

  it.each([
    ["nothing-like-it", "expected a file (*.yaml), or one of container-endpoint-fails"],
    ["./none.yaml", "none.yaml cannot be read: ENOENT"],
  ])("%s says what there is", async (name, says) => {
    await expect(loadScenario(name)).rejects.toThrow(InvalidInputError);
    await expect(startSimulator({ scenario: name })).rejects.toThrow(says);
  });

  it("and every fault and scenario has its line in the documentation", async () => {
    const docs = await readFile(new URL("../../../docs/simulator.md", import.meta.url), "utf8");

    const names = [...Object.keys(FAULTS), ...(await shippedScenarios())];
    expect(names.filter((name) => !docs.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it("knows those that come with the package, each with its story and who is known to fail it", async () => {
    const names = await shippedScenarios();

    expect(names.length).toBeGreaterThanOrEqual(15);
    for (const name of names) {
      const { title, about, failedBy } = await loadScenario(name);
      expect(title.length).toBeGreaterThan(15);
      expect(about.length).toBeGreaterThan(100);
      expect(failedBy.length).toBeGreaterThan(0);
    }
  });
});
