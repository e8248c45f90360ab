import { type BenchRecord, parseCases } from "@evertoken/bench";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Folder, shortRun } from "./bench.js";
import { type Registry, startRegistry } from "./registry.js";

let registry: Registry;
const folder = new Folder();

beforeAll(async () => {
  registry = await startRegistry();
  registry.publish("3.14.0");
});

afterAll(async () => {
  await registry.close();
  folder.remove();
  vi.unstubAllEnvs();
});

describe("half an hour in which credentials rotate and are revoked", () => {
  const through = (candidate: string): Promise<BenchRecord> =>
    shortRun({ cases: parseCases(["rotation"], { arrivalsPerSecond: 50 }) }, [candidate], { cacheDir: folder.path });

  it("is felt by the stock SDK until it asks again, and not by the pool", { timeout: 60_000 }, async () => {
    const [stock, pool] = await Promise.all([through("sdk@3.14.0"), through("pool+fast")]);
    const [ofStock, ofPool] = [stock.measurements[0], pool.measurements[0]];
    // Revoked at minute 13, and held on to until five minutes before the end that they were given at minute 10 or so.
    expect(ofStock?.failures.ExpiredToken).toBeGreaterThan(50);
    expect(ofStock?.rotation?.longestOutageMinutes).toBeGreaterThan(4);
    expect(ofStock?.rotation?.failed).toBe(ofStock?.failures.ExpiredToken);
    expect(stock.warnings.join("\n")).toMatch(/operations of sdk@3\.14\.0 in rotation failed \(ExpiredToken/);

    expect(ofPool?.failures).toEqual({});
    expect(ofPool?.rotation).toMatchObject({ failed: 0, replays: expect.any(Number) });
    expect(ofPool?.rotation?.replays).toBeGreaterThan(0);
    for (const one of [ofStock, ofPool]) {
      expect(one?.rotation).toMatchObject({
        p99AroundMs: expect.any(Number),
        p99ElsewhereMs: expect.any(Number),
        imdsRequests: expect.any(Number),
      });
      expect(one?.rotation?.imdsRequests).toBeGreaterThan(0);
    }
  });
});
