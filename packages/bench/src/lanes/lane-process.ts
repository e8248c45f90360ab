/** One run of one lane, in a process of its own: warms up, measures, tells its figures and ends. */

import { monitorEventLoopDelay, performance } from "node:perf_hooks";
import { quantile } from "../statistics.js";
import type { Case, Figures } from "./cases.js";
import { type LaneName, openLane, type Way } from "./lanes.js";

export interface Run {
  readonly lane: LaneName;
  readonly of: Case;
  readonly way: Way;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

async function measure({ lane, of, way, warmUpMs, measureMs }: Run): Promise<Figures> {
  const send = await openLane(lane, of, way);
  // Each request has a body of its own, as the requests of a service have.
  const bodies = Array.from({ length: of.inFlight }, () => Buffer.alloc(of.operation === "put" ? of.size : 0, "x"));
  const startRssMB = process.memoryUsage.rss() / 1024 / 1024;
  let index = 0;
  const load = async (ms: number, latencies?: number[]) => {
    const until = performance.now() + ms;
    const worker = async (body: Buffer) => {
      for (let from = performance.now(); from < until; ) {
        await send(index++, body);
        const now = performance.now();
        latencies?.push(now - from);
        from = now;
      }
    };
    await Promise.all(bodies.map(worker));
  };
  await load(warmUpMs);

  const latencies: number[] = [];
  const loopDelay = monitorEventLoopDelay({ resolution: 5 });
  loopDelay.enable();
  const [cpuBefore, before] = [process.cpuUsage(), performance.now()];
  await load(measureMs, latencies);
  const [{ user, system }, seconds] = [process.cpuUsage(cpuBefore), (performance.now() - before) / 1000];
  loopDelay.disable();
  return {
    perSecond: latencies.length / seconds,
    cpuUsPerOperation: (user + system) / latencies.length,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    loopDelayP99Ms: loopDelay.percentile(99) / 1e6,
    startRssMB,
    peakRssMB: process.resourceUsage().maxRSS / 1024,
  };
}

process.once("message", async (run) => {
  const figures = await measure(run as Run);
  // A profile is written on the way out.
  process.send?.(figures, () => process.exit());
});
