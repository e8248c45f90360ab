import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { InvalidInputError, VirtualClock } from "@evertoken/core";
import { createKeeper } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";
import { observe } from "@evertoken/telemetry";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { describe, expect, it, onTestFinished } from "vitest";
import { exported, instance } from "./scrape.js";

const put = (Key = "key") => new PutObjectCommand({ Bucket: "reports", Key, Body: "content" });
const HOUR = 3_600_000;

describe("an observed pool", () => {
  it("shows its Keeper's credentials as instants, and how long they would last without their source", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool, keeper } = await instance();
    observe(pool, { meterProvider });
    const before = Date.now() / 1000;

    await pool.send(put());

    const scrape = await scraped();
    const { expiresAt = 0, receivedAt = 0 } = keeper.status();
    const labels = { keeper: "default", source: "imds" };
    expect(scrape.value("evertoken_credentials_expiration_timestamp_seconds", labels)).toBeCloseTo(expiresAt / 1000, 3);
    expect(scrape.value("evertoken_credentials_received_timestamp_seconds", labels)).toBeCloseTo(receivedAt / 1000, 3);
    expect(scrape.value("evertoken_refresh_last_success_timestamp_seconds", labels)).toBeGreaterThanOrEqual(before - 1);
    const survival = scrape.value("evertoken_outage_survival_seconds", labels) ?? 0;
    expect(survival).toBeGreaterThan(5 * 3600);
    expect(survival).toBeLessThanOrEqual(6 * 3600);
    expect(scrape.value("evertoken_keeper_state", { keeper: "default", state: "fresh" })).toBe(1);
    expect(scrape.value("evertoken_keeper_state", { keeper: "default" })).toBe(1);
    // The first credentials are no rotation.
    expect(scrape.all("evertoken_credentials_last_rotation_timestamp_seconds")).toEqual([]);
  });

  it("counts refreshes by what wanted them and what they brought", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool, keeper, simulator } = await instance();
    observe(pool, { meterProvider });

    await keeper.provider();
    await keeper.refresh();
    const down = simulator.fault("imds-down");
    await keeper.refresh().catch(() => {});
    down.end();

    const scrape = await scraped();
    const of = (outcome: string, trigger: string) => scrape.value("evertoken_refreshes_total", { outcome, trigger });
    expect([of("rotated", "empty"), of("unchanged", "requested"), of("failed", "requested")]).toEqual([1, 1, 1]);
    // A first failure must be a rise, so the others stand at zero.
    expect(of("failed", "fresh")).toBe(0);
    expect(scrape.value("evertoken_refresh_duration_seconds_count")).toBe(3);
  });

  it("counts requests to IMDS by what they asked for and what came of it, and shows the end of the session token", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool, keeper, simulator } = await instance();
    observe(pool, { meterProvider });

    await keeper.provider();
    simulator.fault("imds-token-fails-once");
    simulator.fault("session-tokens-forgotten");
    await keeper.refresh();
    simulator.fault("imds-down");
    await keeper.refresh().catch(() => {});

    const scrape = await scraped();
    const of = (category: string, status: string, error: string) =>
      scrape.value("evertoken_imds_requests_total", { client: "default", category, status, error });
    expect(of("token", "200", "none")).toBe(2);
    expect(of("token", "503", "none")).toBe(1);
    expect(of("role", "200", "none")).toBe(1);
    expect(of("credentials", "200", "none")).toBe(2);
    expect(of("credentials", "401", "none")).toBe(1);
    expect(of("credentials", "none", "connection")).toBe(2);
    expect(scrape.value("evertoken_imds_request_duration_seconds_count", { category: "token" })).toBe(3);
    const end = scrape.value("evertoken_imds_session_token_expiration_timestamp_seconds") ?? 0;
    expect(end).toBeGreaterThan(Date.now() / 1000 + 5 * 3600);
    expect(end).toBeLessThanOrEqual(Date.now() / 1000 + 6 * 3600);
  });

  it("tells how long requests took, by service, operation, lane and outcome", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool } = await instance();
    observe(pool, { meterProvider });

    await pool.send(put());
    await pool.send(new GetObjectCommand({ Bucket: "reports", Key: "none" })).catch(() => {});

    const scrape = await scraped();
    const of = (operation: string, lane: string, outcome: string) =>
      scrape.value("evertoken_pool_request_duration_seconds_count", { service: "S3", operation, lane, outcome });
    expect(of("PutObject", "fast", "ok")).toBe(1);
    expect(of("GetObject", "sdk", "failed")).toBe(1);
    expect(scrape.value("evertoken_pool_request_duration_seconds_sum")).toBeLessThan(10);
    expect(scrape.value("evertoken_pool_request_duration_seconds_bucket", { le: "+Inf" })).toBe(2);
  });

  it("counts what is replayed and what is surfaced, each from zero on", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool, simulator } = await instance();
    observe(pool, { meterProvider });
    await pool.send(put());
    const stale = async () => {
      const scrape = await scraped();
      return ["replayed", "surfaced"].map((outcome) =>
        scrape.value("evertoken_pool_stale_answers_total", { service: "S3", outcome }),
      );
    };
    expect(await stale()).toEqual([0, 0]);

    simulator.fault("credentials-revoked");
    await pool.send(put());
    expect(await stale()).toEqual([1, 0]);
    simulator.fault("credentials-revoked");
    simulator.fault("imds-down");
    await pool.send(put()).catch(() => {});

    expect(await stale()).toEqual([1, 1]);
    const scrape = await scraped();
    expect(scrape.value("evertoken_pool_replays_total", { service: "S3", reason: "ExpiredToken" })).toBe(1);
    expect(scrape.value("evertoken_credentials_rejections_total", { keeper: "default" })).toBe(2);
    expect(scrape.value("evertoken_outage_survival_seconds")).toBe(0);
    expect(scrape.value("evertoken_credentials_last_rotation_timestamp_seconds")).toBeGreaterThan(1e9);
  });

  it("shows its members, what they carry and what waits", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool } = await instance({ pool: { size: 4, maxInFlight: 1, ejection: { consecutiveFailures: 1 } } });
    observe(pool, { meterProvider });
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const broken = Object.assign(new Error("broken"), { $metadata: { httpStatusCode: 500 } });

    const failing = pool.lease(() => ended.then(() => Promise.reject(broken))).catch(() => {});
    const others = [1, 2, 3, 4, 5].map(() => pool.lease(() => ended));
    const busy = await scraped();
    end();
    await Promise.all([failing, ...others]);
    const calm = await scraped();

    expect(busy.value("evertoken_pool_requests_in_flight", { pool: "default" })).toBe(4);
    expect(busy.value("evertoken_pool_requests_queued", { pool: "default" })).toBe(2);
    expect(busy.value("evertoken_pool_members_limit", { pool: "default" })).toBe(4);
    const members = ["ready", "ejected", "leaving"].map((state) => calm.value("evertoken_pool_members", { state }));
    expect(members).toEqual([3, 1, 0]);
    expect(calm.value("evertoken_pool_ejections_total", { reason: "consecutive-failures" })).toBe(1);
  });
});

describe("an observed Keeper", () => {
  const forEver = async () => ({ credentials: { accessKeyId: "AKIA", secretAccessKey: "secret" } });

  it("survives for ever on credentials that do not expire", async () => {
    const { scraped, meterProvider } = await exported();
    const keeper = createKeeper({ source: { name: "a file", watchable: false, load: forEver } });
    observe(keeper, { meterProvider });

    await keeper.provider();

    const scrape = await scraped();
    expect(scrape.value("evertoken_outage_survival_seconds", { source: "other" })).toBe(Number.POSITIVE_INFINITY);
    expect(scrape.all("evertoken_credentials_expiration_timestamp_seconds")).toEqual([]);
  });

  it("says nothing of survival before anybody has asked it for credentials, and then that there is none", async () => {
    const { scraped, meterProvider } = await exported();
    const source = { name: "broken", watchable: false, load: () => Promise.reject(new Error("down")) };
    const keeper = createKeeper({ source });
    onTestFinished(() => keeper.close());
    observe(keeper, { meterProvider });
    expect((await scraped()).all("evertoken_outage_survival_seconds")).toEqual([]);

    await keeper.provider().catch(() => {});

    expect((await scraped()).value("evertoken_outage_survival_seconds")).toBe(0);
  });

  it("survives for less and less time while its source is down, and not at all in the end", async () => {
    const { scraped, meterProvider } = await exported();
    const clock = new VirtualClock();
    const { keeper, simulator } = await instance({ simulator: { clock }, keeper: { clock } });
    observe(keeper, { meterProvider });
    const survival = async () => (await scraped()).value("evertoken_outage_survival_seconds") ?? -1;
    await keeper.provider();
    expect(await survival()).toBeGreaterThan(5.9 * 3600);

    simulator.fault("imds-down");
    await clock.advance(4 * HOUR);
    expect(await survival()).toBeLessThanOrEqual(2 * 3600);
    await clock.advance(3 * HOUR);

    expect(await survival()).toBe(0);
  });

  it("that has been at work before shows what it has, and when its source last answered", async () => {
    const { scraped, meterProvider } = await exported();
    const { keeper } = await instance();
    await keeper.provider();
    const { at = 0 } = keeper.status().lastRefresh ?? {};

    observe(keeper, { meterProvider });

    expect((await scraped()).value("evertoken_refresh_last_success_timestamp_seconds")).toBeCloseTo(at / 1000, 3);
  });

  it("shows how far this host's clock is off", async () => {
    const { scraped, meterProvider } = await exported();
    const { keeper } = await instance();
    observe(keeper, { meterProvider });

    keeper.noteSkew(-90_000);

    expect((await scraped()).value("evertoken_clock_skew_seconds", { keeper: "default" })).toBe(-90);
  });
});

it("an observed IMDS client counts its requests", async () => {
  const { scraped, meterProvider } = await exported();
  const { simulator } = await instance();
  const imds = createImdsClient({ endpoint: simulator.imdsUrl });
  onTestFinished(() => imds.close());
  observe(imds, { meterProvider, name: "boot" });

  await imds.region();

  const scrape = await scraped();
  const of = (category: string) => scrape.value("evertoken_imds_requests_total", { client: "boot", category });
  // The session token may be there already, from another client of this process.
  expect(of("metadata")).toBe(1);
});

describe("observing", () => {
  it("tells several of a kind apart by name", async () => {
    const { scraped, meterProvider } = await exported();
    const keepers = [await instance(), await instance(), await instance()].map(({ keeper }) => keeper);
    const [one, two, three] = keepers as [(typeof keepers)[0], (typeof keepers)[0], (typeof keepers)[0]];

    observe(one, { meterProvider });
    const stop = observe(two, { meterProvider });
    observe(three, { meterProvider, name: "uploads" });
    const names = async () => (await scraped()).all("evertoken_clock_skew_seconds").map(({ labels }) => labels.keeper);
    expect(await names()).toEqual(["default", "default-2", "uploads"]);
    stop();
    observe(two, { meterProvider });

    expect(await names()).toEqual(["default", "uploads", "default-2"]);
  });

  it("the same thing twice measures it once, until both have stopped", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool, keeper } = await instance();
    const stops = [observe(pool, { meterProvider }), observe(keeper, { meterProvider })];
    await keeper.provider();
    const rotated = async () => (await scraped()).value("evertoken_refreshes_total", { outcome: "rotated" });

    expect(await rotated()).toBe(1);
    stops[0]?.();
    stops[0]?.();
    expect((await scraped()).value("evertoken_clock_skew_seconds")).toBe(0);
    stops[1]?.();

    expect((await scraped()).all("evertoken_clock_skew_seconds")).toEqual([]);
  });

  it("ends with what is shown: nothing stays behind at its last value", async () => {
    const { scraped, meterProvider } = await exported();
    const { pool } = await instance();
    const stop = observe(pool, { meterProvider });
    await pool.send(put());
    await scraped();

    stop();

    const gauges = (await scraped()).samples.filter(({ name }) => !/_(total|bucket|sum|count)$/.test(name));
    expect(gauges.map(({ name }) => name)).toEqual(["target_info", "evertoken_build_info"]);
  });

  it("without an SDK in the process comes to nothing", async () => {
    const { pool } = await instance();
    const stop = observe(pool);

    await pool.send(put());

    stop();
    expect(pool.stats()).toMatchObject({ sent: 1, failed: 0 });
  });

  it("refuses what cannot be observed, and options that are not what they must be", () => {
    expect(() => observe({} as never)).toThrow("observe: target expected a Keeper, a pool or an IMDS client");
    const keeper = createKeeper({ source: { name: "a file", watchable: false, load: () => Promise.reject() } });
    expect(() => observe(keeper, { name: "a b" })).toThrow(InvalidInputError);
    expect(() => observe(keeper, { meterProvider: {} as never })).toThrow("meterProvider must be an OpenTelemetry");
    expect(() => observe(keeper, { provider: {} } as never)).toThrow(InvalidInputError);
  });
});

describe("a pool that is observed with an application's own SDK", () => {
  it("tells it how long requests took, too", async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: HOUR });
    const meterProvider = new MeterProvider({ readers: [reader] });
    onTestFinished(() => meterProvider.shutdown());
    const { pool } = await instance();
    const stop = observe(pool, { meterProvider });

    for (let request = 0; request < 3; request++) await pool.send(put());
    await pool.send(new GetObjectCommand({ Bucket: "reports", Key: "none" })).catch(() => {});
    stop();
    await meterProvider.forceFlush();

    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics));
    const durations = metrics.find(({ descriptor }) => descriptor.name === "evertoken_pool_request_duration_seconds");
    const told = (durations?.dataPoints ?? []).map(({ attributes, value }) => [
      attributes.operation,
      attributes.outcome,
      (value as { count: number }).count,
    ]);
    expect(told).toEqual([
      ["PutObject", "ok", 3],
      ["GetObject", "failed", 1],
    ]);
  });
});
