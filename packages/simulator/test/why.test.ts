import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListBucketsCommand, type S3Client } from "@aws-sdk/client-s3";
import { InvalidInputError } from "@evertoken/core";
import { readJournal, why } from "@evertoken/simulator";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { HOUR, s3Of, simulated } from "./instance.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "evertoken-journal-"));
  return () => rm(directory, { recursive: true });
});

/** Asks until it is refused, and gives the refusal's request id. */
async function refused(s3: S3Client): Promise<string> {
  const error = await s3.send(new ListBucketsCommand()).catch((error) => error);
  expect(error.name).toBe("ExpiredToken");
  return error.$metadata.requestId;
}

const texts = (story: { readonly lines: readonly { readonly text: string }[] } | undefined) =>
  story?.lines.map(({ text }) => text);

describe("the story of an ExpiredToken", () => {
  it("by a revocation begins with the issue of the credential and ends with what the client missed", async () => {
    const { simulator, clock } = await simulated();
    const s3 = await s3Of(simulator);
    await s3.send(new ListBucketsCommand());
    await clock.advance(30 * 60_000);
    simulator.fault("credentials-revoked");

    const story = simulator.why(await refused(s3));

    const { accessKeyId } = await s3.config.credentials();
    expect(texts(story)).toEqual([
      `generation 1 was issued for evertoken-role: ${accessKeyId}, good for 6 h`,
      "default was handed generation 1",
      "default used it with success, once",
      "the fault credentials-revoked began",
      "generation 1 was revoked",
      "default asked s3: GET /?x-id=ListBuckets was answered 400 (ExpiredToken: revoked)",
    ]);
    expect(story?.conclusion).toBe(
      "Its credentials were revoked before their end. No newer ones had been issued; default last asked for credentials 30 min before and got 200 to its credentials (ok).",
    );
  });

  it("by age tells of the outage, and of newer credentials that others were given meanwhile", async () => {
    const { simulator, clock, imds } = await simulated({ credentialLifetimeMs: HOUR, rotationIntervalMs: HOUR / 2 });
    const s3 = await s3Of(simulator);
    await clock.advance(0.9 * HOUR);
    const outage = simulator.fault("imds-error", { status: 503 });
    for (let tries = 0; tries < 7; tries++) await imds.token();
    await clock.advance(0.05 * HOUR);
    outage.end();
    const { AccessKeyId: newer } = await imds.credentials();
    // Within S3's fifteen minutes of skew, because this SDK has the host's clock.
    s3.config.systemClockOffset = clock.now() + 0.1 * HOUR - performance.timeOrigin - performance.now();
    await clock.advance(0.1 * HOUR);

    const story = simulator.why(await refused(s3));

    expect(texts(story)).toContain("the fault imds-error began");
    expect(texts(story)).toContain("the fault imds-error ended");
    expect(texts(story)).toContain("default asked imds: PUT /latest/api/token was answered 503 (fault imds-error)");
    expect(texts(story)).toContain("2 more such requests failed until then: fault imds-error");
    expect(texts(story)).toContain(`generation 2 was issued for evertoken-role: ${newer}, good for 60 min`);
    expect(texts(story)).toContain("generation 1 ended");
    expect(story?.conclusion).toMatch(
      /^Its credentials had ended 3 min before\. Generation 2 had been issued \d+ min before/,
    );
  });

  it("by a fault says that it was the fault", async () => {
    const { simulator } = await simulated();
    const s3 = await s3Of(simulator);
    simulator.fault("s3-expired-token");

    const story = simulator.why(await refused(s3));

    expect(story?.conclusion).toBe("The answer is that of a fault, not of the service: s3-expired-token.");
  });

  it("of a request that nobody made is not told", async () => {
    const { simulator } = await simulated();

    expect(simulator.why("nobody")).toBeUndefined();
  });
});

describe("a journal file", () => {
  it("tells the same story when the simulator is gone, and holds no secret", async () => {
    const journalFile = join(directory, "run.jsonl");
    const { simulator, imds } = await simulated({ journalFile });
    const { SecretAccessKey, Token } = await imds.credentials();
    const s3 = await s3Of(simulator);
    simulator.fault("credentials-revoked");
    const requestId = await refused(s3);
    const story = simulator.why(requestId);
    await simulator.close();

    const past = await readJournal(journalFile);

    expect(why(requestId, past)).toEqual(story);
    expect(past.entries).toEqual(simulator.journal.entries());
    expect(past.events).toEqual(simulator.journal.events());
    const text = await readFile(journalFile, "utf8");
    for (const secret of [SecretAccessKey, Token]) expect(text).not.toContain(secret);
  });

  it("whose last line was cut off is read up to there", async () => {
    const path = join(directory, "killed.jsonl");
    await writeFile(path, '{"at":1,"event":"fault-started","fault":"imds-down"}\n{"at":2,"ev');

    expect((await readJournal(path)).events).toHaveLength(1);
  });

  it.each([
    ["no journal\n", "line 1 is no JSON"],
    ['{"event":"fault-ended","fault":"imds-down"}\n{"name":"package"}\n', "line 2 is neither a request nor an event"],
  ])("that reads %j is refused with the line", async (text, says) => {
    const path = join(directory, "wrong.jsonl");
    await writeFile(path, text);

    await expect(readJournal(path)).rejects.toThrow(InvalidInputError);
    await expect(readJournal(path)).rejects.toThrow(says);
  });

  it("that is not there, or cannot be written, is refused", async () => {
    const nowhere = join(directory, "none", "run.jsonl");

    await expect(readJournal(nowhere)).rejects.toThrow("cannot be read: ENOENT");
    await expect(simulated({ journalFile: nowhere })).rejects.toThrow("journalFile cannot be written: ENOENT");
  });

  it("is replaced by that of the next simulator", async () => {
    const journalFile = join(directory, "twice.jsonl");
    for (let run = 0; run < 2; run++) {
      const { simulator, imds } = await simulated({ journalFile });
      onTestFinished(() => simulator.close());
      await imds.token();
      await simulator.close();
    }

    expect((await readJournal(journalFile)).entries).toHaveLength(1);
  });
});
