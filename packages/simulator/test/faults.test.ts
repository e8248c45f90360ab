import { HeadBucketCommand, ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError } from "@evertoken/core";
import { FAULTS, type FaultName, startSimulator } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";
import { CREDENTIALS, HOUR, identityOf, imdsOf, s3Of, simulated } from "./instance.js";

describe("imds-down", () => {
  it("cuts connections without an answer until it ends", async () => {
    const { simulator, imds } = await simulated();

    const fault = simulator.fault("imds-down");
    await expect(imds.token()).rejects.toThrow();
    fault.end();

    await expect(imds.token()).resolves.toBeTruthy();
    expect(simulator.journal.entries()[0]).toMatchObject({
      operation: "token",
      status: 0,
      decision: "fault imds-down",
    });
  });
});

describe("imds-slow", () => {
  it("gives no answer before its delay has passed", async () => {
    const { simulator, clock, imds } = await simulated();
    simulator.fault("imds-slow", { delayMs: 700 });
    const answered = imds.token();
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));

    await clock.advance(699);
    expect(simulator.journal.entries()).toEqual([]);
    await clock.advance(1);

    await expect(answered).resolves.toBeTruthy();
  });

  it("is real on a fast clock: time-outs of clients are, too", async () => {
    await using simulator = await startSimulator({ speed: 10_000 });
    simulator.fault("imds-slow", { delayMs: 100 });
    const startedAt = performance.now();

    await imdsOf(simulator).token();

    expect(performance.now() - startedAt).toBeGreaterThan(95);
  });

  it("does not hold up the end of the simulator", async () => {
    const simulator = await startSimulator();
    simulator.fault("imds-slow", { delayMs: 600_000 });
    const asked = imdsOf(simulator).token();
    asked.catch(() => {});

    await simulator.close();

    await expect(asked).rejects.toThrow();
  });
});

describe("imds-error", () => {
  it.each([
    [undefined, 500],
    [429, 429],
  ])("with the status %s answers %i", async (status, answered) => {
    const { simulator, imds } = await simulated();
    simulator.fault("imds-error", status === undefined ? {} : { status });

    expect((await imds.get(CREDENTIALS, "any")).status).toBe(answered);
  });
});

describe("imds-token-fails-once", () => {
  it("answers the next session-token request 503, and no other", async () => {
    const { simulator, imds } = await simulated();
    simulator.fault("imds-token-fails-once");
    const ask = () => imds.request("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "60" });

    expect([(await ask()).status, (await ask()).status]).toEqual([503, 200]);
    expect(simulator.activeFaults()).toEqual([]);
  });

  it("strikes as often as it is told", async () => {
    const { simulator, imds } = await simulated();
    simulator.fault("imds-token-fails-once", { count: 3 });
    const ask = () => imds.request("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "60" });

    expect([(await ask()).status, (await ask()).status, (await ask()).status, (await ask()).status]).toEqual([
      503, 503, 503, 200,
    ]);
  });
});

describe("session-tokens-forgotten", () => {
  it("makes the tokens granted so far unknown, and no later one", async () => {
    const { simulator, imds } = await simulated();
    const before = await imds.token();

    simulator.fault("session-tokens-forgotten");
    const after = await imds.token();

    expect((await imds.get(CREDENTIALS, before)).status).toBe(401);
    expect((await imds.get(CREDENTIALS, after)).status).toBe(200);
  });
});

describe("credentials-revoked", () => {
  it("makes S3 refuse what was issued so far as expired, while IMDS has others at once", async () => {
    const { simulator, imds } = await simulated();
    const old = await s3Of(simulator);
    await old.send(new ListBucketsCommand());

    simulator.fault("credentials-revoked");

    await expect(old.send(new ListBucketsCommand())).rejects.toMatchObject({
      name: "ExpiredToken",
      message: "The provided token has expired.",
      $metadata: { httpStatusCode: 400 },
    });
    await expect((await s3Of(simulator)).send(new ListBucketsCommand())).resolves.toBeTruthy();
    expect((await imds.credentials()).AccessKeyId).not.toBe((await old.config.credentials()).accessKeyId);
  });
});

describe("credentials-stuck", () => {
  it("hands out the same credentials while it lasts, and others soon after", async () => {
    const { simulator, imds, clock } = await simulated();
    const { AccessKeyId: first } = await imds.credentials();

    const fault = simulator.fault("credentials-stuck");
    await clock.advance(3 * HOUR);
    expect((await imds.credentials()).AccessKeyId).toBe(first);
    fault.end();

    const renewed = await imds.credentials();
    expect(renewed.AccessKeyId).not.toBe(first);
    expect(Date.parse(renewed.Expiration) - clock.now()).toBeGreaterThan(6 * HOUR - 2000);
  });
});

describe("credentials-stuck on a timeline", () => {
  it("holds what was current at its start, even if nobody had asked for that", async () => {
    const { imds, clock } = await simulated({
      timeline: [{ fault: "credentials-stuck", fromHours: 5, toHours: 8 }],
    });
    const startedAt = clock.now();

    await clock.advance(7 * HOUR);
    const { Expiration: expiration } = await imds.credentials();

    // Rotated last in the hour before the fault began.
    const hours = (Date.parse(expiration) - startedAt) / HOUR;
    expect(hours).toBeGreaterThan(9.8);
    expect(hours).toBeLessThanOrEqual(11);
  });

  it("ends with a rotation, whether or not anybody asked meanwhile", async () => {
    const { imds, clock } = await simulated({
      timeline: [{ fault: "credentials-stuck", fromHours: 5, toHours: 8 }],
    });
    const startedAt = clock.now();

    await clock.advance(8.5 * HOUR);
    const { Expiration: expiration } = await imds.credentials();

    expect((Date.parse(expiration) - startedAt) / HOUR).toBeCloseTo(14, 2);
  });
});

describe("a timeline", () => {
  it("begins and ends faults at their hours, whether or not anybody asks, and tells", async () => {
    const { simulator, clock } = await simulated({
      timeline: [
        { fault: "imds-down", fromHours: 1, toHours: 2 },
        { fault: "credentials-revoked", fromHours: 1.5 },
      ],
    });
    const startedAt = clock.now();
    const told: [string, FaultName, number][] = [];
    simulator.on("faultStarted", ({ name, at }) => told.push(["started", name, (at - startedAt) / HOUR]));
    simulator.on("faultEnded", ({ name, at }) => told.push(["ended", name, (at - startedAt) / HOUR]));

    await clock.advance(3 * HOUR);

    expect(told).toEqual([
      ["started", "imds-down", 1],
      ["started", "credentials-revoked", 1.5],
      ["ended", "imds-down", 2],
    ]);
  });

  it("is right on the next request when the clock jumped over everything", async () => {
    const { simulator, clock } = await simulated({ timeline: [{ fault: "credentials-revoked", fromHours: 1 }] });
    const s3 = await s3Of(simulator);

    clock.step(HOUR);

    await expect(s3.send(new HeadBucketCommand({ Bucket: "reports" }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 400 },
    });
  });

  it("applies from the first moment", async () => {
    const { imds } = await simulated({ timeline: [{ fault: "imds-down", fromHours: 0 }] });

    await expect(imds.token()).rejects.toThrow();
  });

  it.each([
    [{ fault: "imds-dwon", fromHours: 1 }, "timeline[0].fault is"],
    [{ fault: "imds-down", fromHours: -1 }, "timeline[0].fromHours is -1"],
    [{ fault: "imds-down", fromHours: 2, toHours: 2 }, "expected toHours > fromHours"],
    [{ fault: "credentials-revoked", fromHours: 1, toHours: 2 }, "happens in an instant"],
    [{ fault: "imds-down", fromHours: 1, delayMs: 5 }, "has delayMs, which means nothing to imds-down"],
    [{ fault: "imds-slow", fromHours: 1, delayMs: 0 }, "timeline[0].delayMs is 0"],
    [{ fault: "imds-error", fromHours: 1, status: 200 }, "timeline[0].status is 200"],
    [{ fault: "imds-down", form: 1, fromHours: 0 }, "form"],
  ])("with %j is refused", async (period, says) => {
    const start = startSimulator({ timeline: [period as never] });

    await expect(start).rejects.toThrow(InvalidInputError);
    await expect(start).rejects.toThrow(says);
  });
});

describe("starting a fault", () => {
  it("of an unknown name is refused with the names there are", async () => {
    const { simulator } = await simulated();

    expect(() => simulator.fault("imds-dwon" as FaultName)).toThrow(/expected one of imds-down/);
  });

  it("in a simulator that is closed is refused", async () => {
    const { simulator } = await simulated();
    await simulator.close();

    expect(() => simulator.fault("imds-down")).toThrow(ClosedError);
  });

  it("with an option that means nothing to it is refused", async () => {
    const { simulator } = await simulated();

    expect(() => simulator.fault("imds-down", { delayMs: 5 })).toThrow(/delayMs means nothing to it/);
    expect(simulator.activeFaults()).toEqual([]);
  });
});

it.each(Object.entries(FAULTS))("%s says what it does in a sentence", (_, { does }) => {
  expect(does).toMatch(/^[A-Z].*\.$/);
});

it("credentials end at S3 at their true end, to the second", async () => {
  const { simulator, clock, imds } = await simulated({ credentialLifetimeMs: 60_000, rotationIntervalMs: 60_000 });
  const credentials = identityOf(await imds.credentials());
  // Both are within S3's fifteen minutes of skew, so only the end of the credentials can make a difference.
  const s3 = await s3Of(simulator, { credentials });
  const put = () => s3.send(new PutObjectCommand({ Bucket: "reports", Key: "a", Body: "b" }));

  await clock.advance(58_000);
  await put();
  await clock.advance(2000);

  await expect(put()).rejects.toMatchObject({ name: "ExpiredToken" });
});
