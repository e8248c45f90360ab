import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { FaultOptions } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";
import { CREDENTIALS, ROLES, s3Of, simulated } from "./instance.js";

/** The names of what went wrong, `ok` for what did not. */
async function outcomes(requests: readonly (() => Promise<unknown>)[]): Promise<string[]> {
  const seen: string[] = [];
  for (const request of requests) {
    const outcome = await request().then(
      () => "ok",
      (error: Error) => error.name,
    );
    seen.push(outcome);
  }
  return seen;
}

async function writing(keys: readonly string[], options: FaultOptions, seed = 1) {
  const { simulator } = await simulated({ seed });
  const s3 = await s3Of(simulator);
  const fault = simulator.fault("s3-slow-down", options);
  const seen = await outcomes(
    keys.map((Key) => () => s3.send(new PutObjectCommand({ Bucket: "reports", Key, Body: "b" }))),
  );
  return { seen, fault, simulator, s3 };
}

const KEYS = ["a", "b", "c", "d", "e", "f"];

describe("a fault that is aimed", () => {
  it("at an operation leaves others alone", async () => {
    const { s3, seen } = await writing(["a"], { where: { operation: "GetObject" } });
    const reading = await outcomes([() => s3.send(new GetObjectCommand({ Bucket: "reports", Key: "a" }))]);

    expect([seen, reading]).toEqual([["ok"], ["SlowDown"]]);
  });

  it("at a key prefix strikes what is below it", async () => {
    const { seen } = await writing(["2025/a", "2026/a", "2026/b"], { where: { keyPrefix: "reports/2026/" } });

    expect(seen).toEqual(["ok", "SlowDown", "SlowDown"]);
  });

  it("at a category of IMDS leaves the others alone", async () => {
    const { simulator, imds } = await simulated();
    simulator.fault("imds-error", { where: { category: "meta-data/placement/" } });

    const token = await imds.token();

    expect((await imds.get("/latest/meta-data/placement/region", token)).status).toBe(500);
    expect((await imds.get(ROLES, token)).status).toBe(200);
  });

  it("at a client leaves the others alone", async () => {
    const { simulator, imds } = await simulated();
    const { imdsUrl } = await simulator.openEndpoints("lane");
    simulator.fault("imds-error", { where: { client: "lane" } });

    expect((await fetch(imdsUrl)).status).toBe(500);
    expect((await imds.get(CREDENTIALS)).status).toBe(200);
  });

  it("at the nth request strikes that one, and is over", async () => {
    const { seen, simulator } = await writing(KEYS, { where: { nth: 3 } });

    expect(seen).toEqual(["ok", "ok", "SlowDown", "ok", "ok", "ok"]);
    expect(simulator.activeFaults()).toEqual([]);
  });

  it("at every second request strikes as often as it is told", async () => {
    const { seen } = await writing(KEYS, { where: { every: 2 }, count: 2 });

    expect(seen).toEqual(["ok", "SlowDown", "ok", "SlowDown", "ok", "ok"]);
  });

  it("by chance strikes the same requests for the same seed, and others for another", async () => {
    const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    const where = { probability: 0.5 };

    const [first, again, other] = [
      await writing(keys, { where }, 7),
      await writing(keys, { where }, 7),
      await writing(keys, { where }, 8),
    ];

    expect(first.seen).toEqual(again.seen);
    expect(first.seen).not.toEqual(other.seen);
    expect(first.fault.strikes).toBeGreaterThan(8);
    expect(first.fault.strikes).toBeLessThan(32);
  });

  it("counts only requests of its own kind", async () => {
    const { simulator, imds } = await simulated();
    simulator.fault("imds-token-fails-once", { where: { nth: 2 } });
    const token = await imds.token();

    // Requests for anything else are not counted.
    await imds.get(ROLES, token);
    await imds.get(ROLES, token);

    const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
    expect((await imds.request("PUT", "/latest/api/token", ttl)).status).toBe(503);
  });

  it.each([
    ["imds-down", { where: { keyPrefix: "reports/" } }, "where.keyPrefix means nothing to it"],
    ["s3-down", { where: { category: "meta-data/" } }, "where.category means nothing to it"],
    ["credentials-stuck", { where: { client: "lane" } }, "where means nothing to it"],
    ["s3-clock-ahead", { count: 2 }, "count means nothing to it"],
    ["s3-down", { where: { probability: 0 } }, "where.probability is 0: expected a number above 0, up to 1"],
    ["s3-down", { where: { nth: 1, every: 2 } }, "expected one of the two"],
    ["s3-down", { where: { bucket: "reports" } as never }, "bucket"],
  ] as const)("%s at %j is refused", async (name, options, says) => {
    const { simulator } = await simulated();

    expect(() => simulator.fault(name, options)).toThrow(says);
    expect(simulator.activeFaults()).toEqual([]);
  });
});

describe("several faults at once", () => {
  it("add up: a slow service that then fails", async () => {
    const { simulator, clock, imds } = await simulated();
    simulator.fault("imds-slow", { delayMs: 500 });
    simulator.fault("imds-error", { status: 503 });
    const answered = imds.get(CREDENTIALS, "any");
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));

    await clock.advance(500);

    expect((await answered).status).toBe(503);
    expect(simulator.journal.entries()[0]).toMatchObject({
      status: 503,
      decision: "fault imds-error",
      faults: ["imds-slow", "imds-error"],
    });
  });

  it("are named in the journal with what the service decided", async () => {
    const { simulator, imds } = await simulated();
    simulator.fault("credentials-expired");

    await imds.credentials();

    expect(simulator.journal.entries().at(-1)).toMatchObject({ decision: "ok", faults: ["credentials-expired"] });
    expect(simulator.journal.entries()[0]).not.toHaveProperty("faults");
  });
});
