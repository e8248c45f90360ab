/**
 * What turns of load cost this process: CPU time, garbage collection, memory taken, delay of the event loop.
 *
 * Allocations are those of V8's heap: what it grew between collections, summed over them, from the sizes before and after
 * each that V8's own GCProfiler notes. Memory outside of the heap (Buffers' contents) is not in it; the peak RSS has that.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { GCProfiler, type GCProfilerResult, getHeapStatistics } from "node:v8";
import { quantile } from "../statistics.js";

/** How often the event loop is asked how late it is. */
const RESOLUTION_MS = 5;

export interface ProcessCosts {
  readonly allocatedBytes: number;
  readonly gcSeconds: number;
  readonly gcCount: number;
  readonly peakRssBytes: number;
  /** Of all turns together: one alone may be too short to have a 99th percentile. */
  readonly loopDelayP99Ms: number;
}

/** Adds up over turns: what the process does in between, waiting for the next, is not looked at. */
export class CostMeter {
  readonly #loopDelaysMs: number[] = [];
  /** A new one for each turn: one that is enabled again takes the time it was disabled for a delay. */
  #loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #profiler = new GCProfiler();
  #usedAtFirst = 0;
  #allocatedBytes = 0;
  #gcSeconds = 0;
  #gcCount = 0;

  begin(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    this.#loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#loopDelay.enable();
    this.#usedAtFirst = usedHeap();
  }

  end(): void {
    const usedAtLast = usedHeap();
    this.#loopDelay.disable();
    this.#loopDelaysMs.push(...delaysMs(this.#loopDelay));
    const { statistics } = this.#profiler.stop();
    this.#allocatedBytes += allocated(this.#usedAtFirst, statistics, usedAtLast);
    this.#gcSeconds += statistics.reduce((sum, { cost }) => sum + cost, 0) / 1e6;
    this.#gcCount += statistics.length;
  }

  costs(): ProcessCosts {
    return {
      allocatedBytes: this.#allocatedBytes,
      gcSeconds: this.#gcSeconds,
      gcCount: this.#gcCount,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      loopDelayP99Ms: this.#loopDelaysMs.length === 0 ? 0 : quantile(this.#loopDelaysMs, 0.99),
    };
  }
}

/** CPU time of this process, user and system, all its threads. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Each that it noted. A loop that is on time is noted with the resolution itself. */
function delaysMs(monitor: IntervalHistogram): number[] {
  const noted = Array.from({ length: monitor.count }, (_, index) =>
    monitor.percentile((100 * (index + 0.5)) / monitor.count),
  );
  return noted.map((nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS));
}

const usedHeap = () => getHeapStatistics().used_heap_size;

function allocated(atFirst: number, collections: GCProfilerResult["statistics"], atLast: number): number {
  let [used, bytes] = [atFirst, 0];
  for (const { beforeGC, afterGC } of collections) {
    bytes += beforeGC.heapStatistics.usedHeapSize - used;
    used = afterGC.heapStatistics.usedHeapSize;
  }
  return Math.max(0, bytes + atLast - used);
}
