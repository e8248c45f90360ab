/** A fleet of fourteen hosts that nobody has, as Prometheus would tell of it: for pictures only. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const JOB = "evertoken-agent";

interface MadeUp {
  readonly instance: string;
  readonly survival: number;
  readonly state?: string;
  readonly answeredAgo?: number;
  readonly failed?: number;
  readonly replayed?: number;
  readonly surfaced?: number;
  readonly isSilent?: boolean;
}

const HOSTS: readonly MadeUp[] = [
  { instance: "ip-10-0-3-17.ec2.internal:9822", survival: 0, isSilent: true, answeredAgo: 4 * HOUR },
  {
    instance: "ip-10-0-4-201.ec2.internal:9822",
    survival: 38 * MINUTE,
    state: "advisory",
    answeredAgo: 5.3 * HOUR,
    failed: 4,
  },
  { instance: "ip-10-0-1-88.ec2.internal:9822", survival: 3.4 * HOUR, answeredAgo: 2.6 * HOUR, failed: 3 },
  { instance: "ip-10-0-2-30.ec2.internal:9822", survival: 5.1 * HOUR, replayed: 41, surfaced: 2 },
  ...Array.from({ length: 10 }, (_, index) => ({
    instance: `ip-10-0-${1 + (index % 4)}-${19 + 23 * index}.ec2.internal:9822`,
    survival: (5.02 + 0.097 * index) * HOUR,
    answeredAgo: 20 + 27 * index,
    replayed: index === 6 ? 12 : 0,
  })),
];

type Result = { metric: Record<string, string>; value?: [number, string]; values?: [number, string][] };

function instantly(query: string, now: number): Result[] {
  const one = (host: MadeUp, value: number | undefined, more: Record<string, string> = {}): Result[] =>
    value === undefined
      ? []
      : [{ metric: { job: JOB, instance: host.instance, ...more }, value: [now, String(value)] }];
  const each = (of: (host: MadeUp) => Result[]) => HOSTS.filter(({ instance }) => asks(query, instance)).flatMap(of);
  if (query.includes("last_over_time")) return each((host) => one(host, 1, { version: "0.1.0" }));
  if (query.includes("build_info")) return each((host) => (host.isSilent ? [] : one(host, 1)));
  if (query.includes("(up")) return each((host) => (host.isSilent ? one(host, 0) : []));
  if (query.includes("outage_survival")) return each((host) => (host.isSilent ? [] : one(host, host.survival)));
  if (query.includes("expiration")) return each((host) => one(host, 6 * HOUR));
  if (query.includes("keeper_state"))
    return each((host) => one(host, 1, { state: host.state ?? "fresh", keeper: "default" }));
  if (query.includes("last_success")) return each((host) => one(host, now - (host.answeredAgo ?? 60)));
  if (query.includes("refreshes_total")) return each((host) => one(host, host.failed ?? 0));
  if (query.includes("stale_answers"))
    return each((host) => [
      ...one(host, host.replayed ?? 0, { outcome: "replayed" }),
      ...one(host, host.surfaced ?? 0, { outcome: "surfaced" }),
    ]);
  if (query.includes("clock_skew")) return each((host) => one(host, 0.2, { keeper: "default" }));
  return [];
}

function asks(query: string, instance: string): boolean {
  const [, wanted] = /instance="([^"]+)"/.exec(query) ?? [];
  return wanted === undefined || wanted === instance;
}

/** Rotated hourly until IMDS went silent. */
function overTime(query: string, start: number, end: number, step: number): Result[] {
  const host = HOSTS.find(({ instance }) => query.includes(`"${instance}"`));
  if (host === undefined) return [];
  const silentSince = end - (host.failed === undefined ? 0 : (host.answeredAgo ?? 0));
  const takenAt = (at: number) => Math.floor((Math.min(at, silentSince) - 1100) / HOUR) * HOUR + 1100;
  const series = (metric: Record<string, string>, of: (at: number) => number): Result => {
    const values = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index): [number, string] => {
      const at = start + index * step;
      return [at, String(of(at))];
    });
    return { metric, values };
  };
  const keeper = { keeper: "default", source: "imds" };
  const wobble = (at: number) => 1 + 0.2 * Math.sin(at / 400);
  if (query.includes("outage_survival")) return [series({}, (at) => (takenAt(at) + 6 * HOUR - at) * 1000)];
  if (query.includes("received")) return [series(keeper, takenAt)];
  if (query.includes("expiration")) return [series(keeper, (at) => takenAt(at) + 6 * HOUR)];
  if (query.includes("imds_requests"))
    return [
      series({ status: "200" }, (at) => (at < silentSince ? (step / 300) * 2 : 0)),
      series({ status: "none" }, (at) => (at < silentSince ? 0 : (step / 300) * 3)),
    ];
  if (query.includes("_count")) return [series({ outcome: "ok" }, (at) => step * 12 * wobble(at))];
  if (query.includes("quantile(0.5") && query.includes("pool")) return [series({}, (at) => 3.2 * wobble(at))];
  if (query.includes("quantile(0.99")) return [series({}, (at) => 11 * wobble(at))];
  if (query.includes("refresh_duration")) return [series({}, (at) => (at < silentSince ? 5 : 3000))];
  return [];
}

/** @returns its address. */
export async function madeUpFleet(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer(({ url = "/" }, response) => {
    const { pathname, searchParams } = new URL(url, "http://localhost");
    const of = (name: string) => Number(searchParams.get(name));
    const query = searchParams.get("query") ?? "";
    const result = pathname.endsWith("query_range")
      ? overTime(query, of("start"), of("end"), of("step"))
      : instantly(query, Date.now() / 1000);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ status: "success", data: { resultType: "vector", result } }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
