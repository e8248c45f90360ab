import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError } from "@evertoken/core";
import { observe } from "@evertoken/telemetry";
import { exportMetrics } from "@evertoken/telemetry/export";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { exported, instance, parse } from "./scrape.js";

/** A collector that keeps what it is sent. */
async function collector() {
  const received: { path: string; key: unknown; body: string }[] = [];
  let arrived = () => {};
  const first = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const body = Buffer.concat(chunks).toString("latin1");
      received.push({ path: incoming.url ?? "", key: incoming.headers["x-api-key"], body });
      outgoing.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      arrived();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/metrics`, received, first };
}

describe("export to Prometheus", () => {
  it("is one line, and one more for each thing that is observed", async () => {
    const { url, scraped } = await exported();
    const { pool } = await instance();
    observe(pool);

    await pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));

    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
    expect((await scraped()).value("evertoken_pool_request_duration_seconds_count")).toBe(1);
  });

  it("speaks the text format, at one path, to who reads", async () => {
    const { url = "" } = await exported();

    const answer = await fetch(url);

    expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await answer.text()).toContain("# TYPE evertoken_build_info gauge");
    expect((await fetch(new URL("/", url))).status).toBe(404);
    expect((await fetch(url, { method: "POST" })).status).toBe(405);
  });

  it("without a port is for a server of one's own", async () => {
    const metrics = await exportMetrics({ prometheus: {} });
    onTestFinished(() => metrics.close());

    const { contentType, body } = await metrics.scrape();

    expect(metrics.url).toBeUndefined();
    expect(contentType).toContain("version=0.0.4");
    expect(parse(body).map(({ name }) => name)).toContain("evertoken_build_info");
  });

  it("names the process as it is told to", async () => {
    const metrics = await exportMetrics({ prometheus: {}, serviceName: "uploader" });
    onTestFinished(() => metrics.close());

    const { body } = await metrics.scrape();

    const [target] = parse(body);
    expect(target).toMatchObject({ name: "target_info", labels: { service_name: "uploader" } });
  });

  it("ends when it is closed, twice if need be, and leaves the port to the next", async () => {
    const first = await exportMetrics({ prometheus: { port: 0 } });
    const port = Number(new URL(first.url ?? "").port);

    await Promise.all([first.close(), first.close()]);

    await expect(first.scrape()).rejects.toThrow(ClosedError);
    const second = await exportMetrics({ prometheus: { port } });
    onTestFinished(() => second.close());
    await expect(exportMetrics({ prometheus: { port } })).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});

describe("export by OTLP", () => {
  it("sends the same names, again and again, and what is left at the end", async () => {
    const { url, received, first } = await collector();
    const metrics = await exportMetrics({ otlp: { url, headers: { "x-api-key": "k" }, intervalMs: 100 } });
    const { keeper } = await instance();
    observe(keeper);
    await keeper.provider();

    await first;
    await metrics.close();

    expect(received.length).toBeGreaterThan(1);
    expect(received.at(-1)).toMatchObject({ path: "/v1/metrics", key: "k" });
    expect(received.at(-1)?.body).toContain("evertoken_refreshes_total");
    expect(received.at(-1)?.body).toContain("evertoken_outage_survival_seconds");
  });

  it("does not go on to report what is no longer observed", async () => {
    const { url, received } = await collector();
    const metrics = await exportMetrics({ otlp: { url, intervalMs: 3_600_000 } });
    const { keeper } = await instance();
    const stop = observe(keeper);
    await keeper.provider();
    const provider = metrics.meterProvider as unknown as { forceFlush(): Promise<void> };
    await provider.forceFlush();

    stop();
    await metrics.close();

    expect(received.map(({ body }) => body.includes("evertoken_outage_survival_seconds"))).toEqual([true, false]);
  });
});

describe("how long requests took, by OTLP", () => {
  it.each([
    ["cumulative", [1, 3]],
    ["delta", [1, 2]],
  ])("is told as OpenTelemetry's environment variable wants it: %s", async (preference, counts) => {
    vi.stubEnv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference);
    onTestFinished(() => void vi.unstubAllEnvs());
    const { url, received } = await collector();
    const metrics = await exportMetrics({ prometheus: {}, otlp: { url, intervalMs: 3_600_000 } });
    const { pool } = await instance();
    observe(pool, { meterProvider: metrics.meterProvider });
    const put = () => pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));
    const provider = metrics.meterProvider as unknown as { forceFlush(): Promise<void> };

    await put();
    await provider.forceFlush();
    // Another reader in between takes nothing away.
    await metrics.scrape();
    await put();
    await put();
    await provider.forceFlush();
    const scraped = await metrics.scrape();
    await metrics.close();

    const sent = received.slice(0, 2).map(({ body }) => requestCount(Buffer.from(body, "latin1")));
    expect(sent).toEqual(counts);
    expect(scraped.body).toMatch(/^evertoken_pool_request_duration_seconds_count\{.*\} 3$/m);
    expect(scraped.body.match(/^# TYPE evertoken_pool_request_duration_seconds histogram$/gm)).toHaveLength(1);
  });
});

/** The fields of a protobuf message, by their numbers. */
function fieldsOf(message: Buffer): { readonly field: number; readonly bytes: Buffer }[] {
  const fields: { field: number; bytes: Buffer }[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message.readUInt8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const from = at;
    const length = [() => void varint(), () => 8, varint, undefined, undefined, () => 4][tag & 7]?.() ?? 0;
    fields.push({ field: tag >> 3, bytes: message.subarray((tag & 7) === 2 ? at : from, at + length) });
    at += length;
  }
  return fields;
}

/** Of the histogram of requests, in what was sent: https://github.com/open-telemetry/opentelemetry-proto, metrics.proto. */
function requestCount(sent: Buffer): number {
  const inside = (messages: readonly Buffer[], field: number) =>
    messages.flatMap((message) => fieldsOf(message).flatMap((found) => (found.field === field ? found.bytes : [])));
  const metrics = inside(inside(inside([sent], 1), 2), 2);
  const durations = metrics.filter(
    (metric) => inside([metric], 1)[0]?.toString() === "evertoken_pool_request_duration_seconds",
  );
  return inside(inside(inside(durations, 9), 1), 4).reduce((sum, count) => sum + Number(count.readBigUInt64LE()), 0);
}

describe("what export is told", () => {
  it.each([
    [{}, "value names no way: expected prometheus, otlp or both"],
    [{ prometheus: { port: 70_000 } }, "prometheus.port is 70000: expected a whole number from 0 to 65535"],
    [{ prometheus: { path: "/" } }, "prometheus.path"],
    [{ otlp: { url: "collector:4318" } }, 'otlp.url is "collector:4318": expected http(s)://host[:port]/path'],
    [{ otlp: { intervalMs: 1 } }, "otlp.intervalMs is 1: expected milliseconds, 100 or more"],
  ])("%j is refused: %s", async (options, message) => {
    const refusal = await exportMetrics(options as never).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(InvalidInputError);
    expect(String(refusal)).toContain(message);
  });
});

describe("importing", () => {
  const run = (script: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: import.meta.dirname, encoding: "utf8" });

  it("the package loads no SDK", () => {
    const { stdout, stderr } = run(`
      import { observe } from "@evertoken/telemetry";
      import { createRequire } from "node:module";
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => path.includes("@opentelemetry"));
      console.log(JSON.stringify([typeof observe, loaded.some((path) => path.includes("/api/")), loaded.some((path) => !path.includes("/api/"))]));
    `);

    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual(["function", true, false]);
  });

  it("or exporting keeps no process alive", () => {
    const { status, stderr } = run(`
      import { exportMetrics } from "@evertoken/telemetry/export";
      await exportMetrics({ prometheus: { port: 0 }, otlp: { url: "http://127.0.0.1:1/v1/metrics" } });
    `);

    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});
