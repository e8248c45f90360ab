import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createEvents } from "@evertoken/core";
import { createKeeper, type KeeperEvents } from "@evertoken/credentials";
import type { PoolEvents } from "@evertoken/pool";
import { METRICS, observe, observeTroubles } from "@evertoken/telemetry";
import { describe, expect, it, onTestFinished } from "vitest";
import { exported, instance, type Scrape } from "./scrape.js";

const DOCUMENTED = readFileSync(new URL("../../../docs/metrics.md", import.meta.url), "utf8");

const outward = Object.entries(networkInterfaces())
  .filter(([, addresses]) => addresses?.some(({ internal }) => !internal))
  .map(([name]) => name);

/** Puts an `ethtool` first in the path that says what the driver of EC2's adapter says. */
function hostWhoseDriverTells(dropped: number): void {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-ethtool-"));
  writeFileSync(
    join(folder, "ethtool"),
    `#!/bin/sh\nprintf 'NIC statistics:\\n     linklocal_allowance_exceeded: ${dropped}\\n'\n`,
  );
  chmodSync(join(folder, "ethtool"), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  onTestFinished(() => {
    process.env.PATH = before;
    rmSync(folder, { recursive: true });
  });
}

/** A host on which everything has happened that is measured. */
async function eventfulHost(): Promise<Scrape> {
  hostWhoseDriverTells(7);
  const { scraped, meterProvider } = await exported();
  const { pool, simulator } = await instance({ pool: { ejection: { consecutiveFailures: 1 } } });
  observe(pool, { meterProvider });
  observeTroubles(() => [{ about: "the log", since: 1000 }], { meterProvider });
  const put = () => pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));
  await put();
  simulator.fault("credentials-revoked");
  await put();
  const broken = Object.assign(new Error("broken"), { $metadata: { httpStatusCode: 500 } });
  await Promise.all(
    [1, 2, 3].map((id) => pool.lease(async () => (id === 1 ? Promise.reject(broken) : id)).catch(() => {})),
  );
  return scraped();
}

const baseOf = (name: string) => name.replace(/_(bucket|sum|count)$/, "");

describe.skipIf(outward.length === 0)("a scrape of a host on which everything has happened", () => {
  it("gives each metric there is, with its labels and no others", async () => {
    const { samples } = await eventfulHost();

    const given = new Map(
      samples.map(({ name, labels }) => [baseOf(name), Object.keys(labels).filter((l) => l !== "le")]),
    );
    given.delete("target_info");
    const expected = Object.values(METRICS).map(({ name, labels }) => [name, [...labels]]);
    expect([...given].sort()).toEqual(expected.sort());
  });

  it("counts link-local packets that were dropped, where the driver tells", async () => {
    const scrape = await eventfulHost();

    for (const name of outward) {
      expect(scrape.value("evertoken_host_linklocal_packets_dropped_total", { interface: name })).toBe(7);
    }
  });
});

it("a host without ethtool, or whose driver does not tell, has no such figure", async () => {
  const { scraped } = await exported();

  expect((await scraped()).all("evertoken_host_linklocal_packets_dropped_total")).toEqual([]);
});

describe("docs/metrics.md", () => {
  const rows = [...DOCUMENTED.matchAll(/^\| `(evertoken_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$/gm)].map(
    ([, name, kind, labels = "", meaning = ""]) => ({
      name,
      kind,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
      meaning,
    }),
  );

  it("lists each metric there is and no other, with its kind and labels", () => {
    const byName = (a: { name?: string | undefined }, b: typeof a) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1);
    const metrics = Object.values(METRICS).map(({ name, kind, labels }) => ({
      name,
      kind: kind.replace("observable-", ""),
      labels: [...labels],
    }));

    expect(rows.map(({ meaning, ...row }) => row).sort(byName)).toEqual(metrics.sort(byName));
  });

  it("names no metric in its text that does not exist", () => {
    const names = new Set<string>(Object.values(METRICS).map(({ name }) => name));

    expect([...DOCUMENTED.matchAll(/evertoken_\w+/g)].map(([name]) => name).filter((name) => !names.has(name))).toEqual(
      [],
    );
  });
});

it("names follow Prometheus: base units, _total for what counts up, absolute instants", () => {
  for (const { name, kind, ...metric } of Object.values(METRICS)) {
    expect(name).toMatch(/^evertoken(_[a-z]+)+$/);
    expect(name.endsWith("_total")).toBe(kind.endsWith("counter"));
    if ("unit" in metric && metric.unit === "s") expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/milli|_ms$|_(bucket|sum|count)$/);
  }
});

describe("labels", () => {
  const MANY = 10_000;

  it("stay few however many keys, roles and errors there are", async () => {
    const { scraped, meterProvider } = await exported();
    // Events as rooms emit them, with everything in them another each time.
    const keeperEvents = createEvents<KeeperEvents>();
    const poolEvents = createEvents<PoolEvents>();
    const real = createKeeper({
      source: { name: "none", watchable: false, load: () => Promise.reject(new Error("none")) },
    });
    onTestFinished(() => real.close());
    const keeper = { ...real, status: () => real.status(), on: keeperEvents.on, provider: real.provider };
    const stats = { size: 1, leaving: 0, inFlight: 0, queued: 0, members: [] };
    observe({ keeper, on: poolEvents.on, stats: () => stats } as never, { meterProvider });
    const happens = (id: number) => {
      const [accessKeyId, service, code] = [`ASIA${id}`, `Service ${id}`, `Error${id}`];
      const error = Object.assign(new Error(`message ${id}`), { name: code, code });
      const replay = { member: id, service, accessKeyId, reason: code, command: `Do${id}Command` };
      keeperEvents.emit("refresh", { at: id, trigger: "fresh", outcome: "failed", durationMs: id, error });
      keeperEvents.emit("rejected", { accessKeyId, reason: code, times: id });
      for (const path of [`/latest/meta-data/iam/security-credentials/role-${id}`, `/latest/meta-data/${id}`]) {
        const request = { method: "GET", path, status: id, failure: undefined, durationMs: 1 } as const;
        keeperEvents.emit("imdsRequest", { ...request, sessionTokenExpiresAt: id });
      }
      poolEvents.emit("replayed", replay);
      poolEvents.emit("replayEnded", { ...replay, durationMs: id, error });
      poolEvents.emit("surfaced", { ...replay, error });
      poolEvents.emit("request", { service, operation: `Do${id}`, lane: `lane ${id}`, durationMs: id, error });
    };

    for (let id = 0; id < 1000; id++) happens(id);
    const early = (await scraped()).samples.length;
    for (let id = 1000; id < MANY; id++) happens(id);
    const { samples } = await scraped();

    expect(samples.length).toBeLessThanOrEqual(early);
    expect(samples.length).toBeLessThan(5000);
    // Nothing is lost: what has no name of its own is counted as other.
    const counted = samples.filter(({ name }) => name === "evertoken_pool_request_duration_seconds_count");
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(MANY);
    const text = JSON.stringify(samples);
    for (const outside of ["ASIA", "role-", "message", "Error5000"]) expect(text).not.toContain(outside);
  });

  it("stay few however many Keepers there are, at a time and in all", async () => {
    const { scraped, meterProvider } = await exported();
    const keeper = () => createKeeper({ source: { name: "none", watchable: false, load: () => Promise.reject() } });

    for (let id = 0; id < MANY; id++) observe(keeper(), { meterProvider, name: `keeper-${id}` })();
    const inAll = new Set((await scraped()).all("evertoken_refreshes_total").map(({ labels }) => labels.keeper));
    const stops = Array.from({ length: 300 }, () => observe(keeper(), { meterProvider }));
    const atATime = (await scraped()).all("evertoken_clock_skew_seconds").length;
    for (const stop of stops) stop();

    // A hundred names, and `other`.
    expect(inAll.size).toBe(101);
    expect(atATime).toBe(1);
  });
});
