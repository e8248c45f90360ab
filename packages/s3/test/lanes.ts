/** Two pools on one simulator that differ in nothing but the lane, and what each of them sends and gives. */

import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Readable } from "node:stream";
import { VirtualClock } from "@evertoken/core";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createS3Pool, type S3Pool, type S3PoolOptions } from "@evertoken/s3";
import { followClock, type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { onTestFinished } from "vitest";
import { type Behaviour, rawService } from "./raw-service.js";

export const LANES = ["fast", "sdk"] as const;
export type Lane = (typeof LANES)[number];

/** Of equal length, because lengths are seen in requests and answers; each lane has one of its own. */
export const BUCKETS: Readonly<Record<Lane, string>> = { fast: "bucket-of-lane-one", sdk: "bucket-of-lane-two" };

/** Time stands still, so that both lanes sign at the same instant. */
export async function bothLanes(options: S3PoolOptions = {}, ofSimulator: SimulatorOptions = {}) {
  const clock = new VirtualClock();
  const realTime = followClock(clock);
  const simulator = await startSimulator({ clock, ...ofSimulator });
  const keeper = createKeeper({ source: fromImds({ endpoint: simulator.imdsUrl, clock }), clock });
  const common = { region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, size: 1, keeper, clock };
  const pools: Readonly<Record<Lane, S3Pool>> = {
    fast: createS3Pool({ ...common, ...options }),
    sdk: createS3Pool({ ...common, ...options, fastLane: false }),
  };
  const close = async () => {
    for (const lane of LANES) await pools[lane].close({ drainMs: 100 });
    keeper.close();
    await simulator.close();
    realTime();
  };
  return { clock, simulator, keeper, pools, close };
}

export async function bothLanesForThisTest(...options: Parameters<typeof bothLanes>) {
  const lanes = await bothLanes(...options);
  onTestFinished(lanes.close);
  return lanes;
}

/** A request as it went over the wire, without what is another one each time. */
export interface SeenRequest {
  readonly line: string;
  readonly headers: Readonly<Record<string, string>>;
}

const DIFFERS = new Set(["amz-sdk-invocation-id", "user-agent"]);

/** What undici sends while `work` runs. */
export async function requestsOf<T>(
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly requests: SeenRequest[] }> {
  const requests: SeenRequest[] = [];
  const see = (message: unknown) => {
    requests.push(seen((message as { headers: string }).headers));
  };
  subscribe("undici:client:sendHeaders", see);
  try {
    return { result: await work(), requests };
  } finally {
    unsubscribe("undici:client:sendHeaders", see);
  }
}

function seen(head: string): SeenRequest {
  const [line = "", ...lines] = withOneName(head).split("\r\n");
  const headers: Record<string, string> = {};
  for (const text of lines) {
    const colon = text.indexOf(":");
    if (colon <= 0) continue;
    const name = text.slice(0, colon).toLowerCase();
    if (DIFFERS.has(name)) continue;
    const value = text.slice(colon + 1).trim();
    // The signature covers the bucket; that it is right is the simulator's to say.
    headers[name] = name === "authorization" ? value.replace(/Signature=.*/, "") : value;
  }
  return { line, headers };
}

/** What is called differently in the two lanes, and its name for both. */
const names = new Map(LANES.map((lane) => [BUCKETS[lane], "BUCKET"]));

/** The two lanes call this differently, and it means the same. */
export function isSame(texts: readonly string[], name: string): void {
  for (const text of texts) names.set(text, name).set(encodeURIComponent(text), name);
}

function withOneName(text: string): string {
  for (const [called, name] of names) text = text.replaceAll(called, name);
  return text;
}

export type Outcome = { readonly output: unknown } | { readonly error: unknown };

/** What a caller gets from `command`: the output with its body read, or everything that can be asked of the error. */
export async function outcomeOf(pool: S3Pool, command: object, options?: object): Promise<Outcome> {
  try {
    const output = (await pool.send(command as never, options as never)) as unknown as Record<string, unknown>;
    const { Body } = output;
    const body = Body instanceof Readable ? { Body: Buffer.concat(await Body.toArray()).toString("latin1") } : {};
    return { output: comparable({ ...output, ...body }) };
  } catch (error) {
    return { error: errorOf(error) };
  }
}

const ID_FIELDS = new Set([
  ...["requestId", "extendedRequestId", "RequestId", "HostId", "x-amz-request-id", "x-amz-id-2"],
  // Each request has an invocation id, which is signed.
  ...["CanonicalRequest", "SignatureProvided"],
]);

function errorOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause } = error;
  return comparable({ ...error, class: error.constructor.name, name, message, cause: errorOf(cause) });
}

/** Without ids, and with one name for what is the same. */
function comparable(value: unknown): unknown {
  if (typeof value === "string") return withOneName(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !ID_FIELDS.has(name))
      .map(([name, inner]) => [name, comparable(inner)]),
  );
}

/** A pool with credentials of its own and one attempt a request, at a service whose answers a test decides. */
export function poolAt(endpoint: string | undefined, options: S3PoolOptions = {}): S3Pool {
  const pool = createS3Pool({
    region: "us-east-1",
    endpoint,
    forcePathStyle: true,
    credentials: async () => ({ accessKeyId: "AKID", secretAccessKey: "secret" }),
    size: 1,
    maxAttempts: 1,
    ...options,
  });
  onTestFinished(() => pool.close({ drainMs: 0 }));
  return pool;
}

/** The same in both lanes, each with a service of its own that behaves alike. */
export async function inBothLanes<T>(
  behaviours: readonly Behaviour[],
  work: (pool: S3Pool) => Promise<T>,
  options: S3PoolOptions = {},
) {
  const [fast, sdk] = await Promise.all(
    LANES.map(async (lane) => {
      const service = await rawService(...behaviours);
      const pool = poolAt(service.url, { ...options, fastLane: lane === "fast" });
      const result = await work(pool);
      return { result, heads: service.heads, lanes: pool.stats().lanes };
    }),
  );
  if (fast === undefined || sdk === undefined) throw new Error("there are two lanes");
  return { fast, sdk };
}
