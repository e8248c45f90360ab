/**
 * The main job, shown: a hundred S3 clients live through a simulated day in which IMDS goes down, credentials are revoked
 * and more, twice at the same time on the same simulator: pooled by Evertoken, and as stock SDK clients.
 *
 * Three processes: this one holds the simulator and the clock, each lane has one of its own that follows the clock.
 */

import { createRequire } from "node:module";
import { describeError, every, systemClock, VirtualClock } from "@evertoken/core";
import { createDashboard, type ServedDashboard, serveDashboard } from "@evertoken/dashboard";
import { type Simulator, startSimulator } from "@evertoken/simulator";
import type { Hello } from "@evertoken/telemetry/live";
import { DemoRecord } from "./demo-record.js";
import { type LaneProcess, startLane } from "./lane-process.js";
import type { LaneCounts, LaneName, LaneResult } from "./lane-protocol.js";
import { clockFace, createProgress } from "./progress.js";
import { type DemoReport, laneReport } from "./report.js";
import { demoTimeline } from "./timeline.js";

const HOUR_MS = 3_600_000;

/** A simulated day in 64 s, which leaves a third of the promised 90 s for reading back on a slow machine. */
const SPEED = 1350;

const REPAINT_MS = 200;

const LANES: readonly LaneName[] = ["evertoken", "stock"];

export interface DemoOptions {
  readonly clients: number;
  readonly hours: number;
  readonly seed: number;
  /** Whether the pooled clients' requests may take the fast lane. */
  readonly fastLane: boolean;
  /** Whether there is a page to watch it on, while it runs. */
  readonly page: boolean;
  /** Whether it is recorded for a report, page or not. */
  readonly recorded: boolean;
  readonly output: NodeJS.WriteStream;
  /** Ends the demo and everything it started. */
  readonly signal: AbortSignal;
}

export interface DemoOutcome {
  readonly report: DemoReport;
  /** Real time, all in all. */
  readonly seconds: number;
  readonly errors: Readonly<Record<LaneName, LaneResult["errors"]>>;
  /** What the page showed, if it was recorded. */
  readonly record: Hello | undefined;
}

/** @throws the signal's reason when it aborts; nothing is left behind then. */
export async function runDemo(options: DemoOptions): Promise<DemoOutcome> {
  const startedAt = systemClock.monotonic();
  const timeline = demoTimeline(options.hours);
  // In real time until both lanes are ready: the day begins for both at the same instant, with clients that work.
  const clock = new VirtualClock({ speed: 1 });
  const simulator = await startSimulator({ clock, seed: options.seed, timeline });
  const processes: LaneProcess[] = [];
  const record = options.page || options.recorded ? new DemoRecord(simulator, clock, REPAINT_MS) : undefined;
  let page: ServedDashboard | undefined;
  const end = () => {
    for (const lane of processes) lane.kill();
  };
  options.signal.addEventListener("abort", end, { once: true });
  try {
    options.signal.throwIfAborted();
    if (options.page && record !== undefined) {
      page = await serveDashboard(createDashboard({ live: record.live }), { port: 0 });
      options.output.write(`watch it at ${page.url}\n`);
    }
    const lanes = await prepareLanes({ ...options, recorded: record !== undefined }, simulator, clock, processes);
    if (record !== undefined) keepRecord(record, lanes);
    const day = { options, simulator, clock, lanes, imdsRequests: countImdsRequests(simulator, lanes) };
    const results = await runDay(day);
    const lane = (name: LaneName) => laneReport(results[name], day.imdsRequests(name));
    return {
      report: {
        seed: options.seed,
        hours: options.hours,
        clients: options.clients,
        fastLane: options.fastLane,
        timeline,
        lanes: { evertoken: lane("evertoken"), stock: lane("stock") },
      },
      seconds: (systemClock.monotonic() - startedAt) / 1000,
      errors: { evertoken: results.evertoken.errors, stock: results.stock.errors },
      record: record?.live.hello(),
    };
  } catch (error) {
    // Lanes that were ended on purpose fail; what matters then is why they were ended.
    options.signal.throwIfAborted();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", end);
    end();
    record?.close();
    await page?.close();
    await simulator.close();
  }
}

type Lanes = Readonly<Record<LaneName, LaneProcess>>;

async function prepareLanes(
  { clients, seed, fastLane, recorded }: DemoOptions,
  simulator: Simulator,
  clock: VirtualClock,
  processes: LaneProcess[],
): Promise<Lanes> {
  const region = "us-east-1";
  const prepared = LANES.map(async (name): Promise<[LaneName, LaneProcess]> => {
    const { imdsUrl, s3Url } = await simulator.openEndpoints(name);
    const lane = startLane({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imdsUrl, AWS_REGION: region });
    processes.push(lane);
    await lane.prepare({ lane: name, clients, seed, region, s3Url, fastLane, recorded, clock: clock.reading() });
    return [name, lane];
  });
  return Object.fromEntries(await Promise.all(prepared)) as Lanes;
}

interface Day {
  readonly options: DemoOptions;
  readonly simulator: Simulator;
  readonly clock: VirtualClock;
  readonly lanes: Lanes;
  readonly imdsRequests: (name: LaneName) => number;
}

async function runDay(day: Day): Promise<Record<LaneName, LaneResult>> {
  const { clock, lanes } = day;
  const { hours } = day.options;
  const startsAt = clock.now();
  clock.setSpeed(SPEED);
  const stopShowing = show(day, () => Math.min(hours, (clock.now() - startsAt) / HOUR_MS));
  try {
    const untilEpochMs = startsAt + hours * HOUR_MS;
    const [evertoken, stock] = await Promise.all([
      lanes.evertoken.run({ clock: clock.reading(), untilEpochMs }),
      lanes.stock.run({ clock: clock.reading(), untilEpochMs }),
    ]);
    return { evertoken, stock };
  } finally {
    stopShowing();
  }
}

/** Shows the day while it passes. @returns the way to stop. */
function show({ options, simulator, lanes, imdsRequests }: Day, elapsedHours: () => number): () => void {
  const progress = createProgress(options.output);
  const counts = watch(lanes);
  simulator.on("faultStarted", ({ name }) => progress.note(`${clockFace(elapsedHours())}  ${name} begins`));
  simulator.on("faultEnded", ({ name }) => progress.note(`${clockFace(elapsedHours())}  ${name} ends`));
  const repainting = every(REPAINT_MS, () => {
    const lane = (name: LaneName) => ({ ...counts[name], imdsRequests: imdsRequests(name) });
    progress.show({
      elapsedHours: elapsedHours(),
      hours: options.hours,
      faults: simulator.activeFaults().map(({ name }) => name),
      lanes: { evertoken: lane("evertoken"), stock: lane("stock") },
    });
  });
  return () => {
    repainting.cancel();
    progress.end();
  };
}

/** Until the day is over for both. */
function keepRecord(record: DemoRecord, lanes: Lanes): void {
  const underWay = new Set(LANES);
  for (const name of LANES) {
    lanes[name].on("report", (report) => record.receive(name, report));
    lanes[name].on("checking", () => {
      underWay.delete(name);
      if (underWay.size === 0) record.endDay();
    });
  }
}

/** How much each lane asked of IMDS during its day; reading back in the end is not part of that. */
function countImdsRequests({ journal }: Simulator, lanes: Lanes): (name: LaneName) => number {
  const atEndOfDay = new Map<LaneName, number>();
  for (const name of LANES) {
    lanes[name].on("checking", () => atEndOfDay.set(name, journal.count("imds", name).requests));
  }
  return (name) => atEndOfDay.get(name) ?? journal.count("imds", name).requests;
}

/** The newest counts of each lane, kept up to date. */
function watch(lanes: Lanes): Record<LaneName, LaneCounts> {
  const none: LaneCounts = { requests: 0, failed: 0, expiredTokenSurfaced: 0, replayed: 0 };
  const counts = { evertoken: none, stock: none };
  for (const name of LANES) {
    lanes[name].on("progress", (newest) => {
      counts[name] = newest;
    });
  }
  return counts;
}

/** The version of the stock SDK that runs in its lane. */
export function stockSdkVersion(): string {
  try {
    const { version } = createRequire(import.meta.url)("@aws-sdk/client-s3/package.json") as { version: string };
    return version;
  } catch (error) {
    return `(version unknown: ${describeError(error)})`;
  }
}
