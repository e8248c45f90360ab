/**
 * What turns of load cost this process: CPU time, garbage collection, memory taken, delay of the event loop.
 *
 * Allocations are those of V8's heap: what it grew between collections, summed over them, from the sizes before and after
 * each that V8's own GCProfiler notes. Memory outside of the heap (Buffers' contents) is not in it; the peak RSS has that.
 */

import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { GCProfiler, type GCProfilerResult, getHeapStatistics } from "node:v8";

/** How often the event loop is asked how late it is. */
const RESOLUTION_MS = 5;

export interface ProcessCosts {
  readonly allocatedBytes: number;
  readonly gcSeconds: number;
  readonly gcCount: number;
  readonly peakRssBytes: number;
  /** The mean of the turns' 99th percentiles. */
  readonly loopDelayP99Ms: number;
}

/** Adds up over turns: what the process does in between, waiting for the next, is not looked at. */
export class CostMeter {
  /** One for each turn: a monitor that is enabled again takes the time it was disabled for a delay. */
  readonly #loopDelays: IntervalHistogram[] = [];
  #profiler = new GCProfiler();
  #usedAtFirst = 0;
  #allocatedBytes = 0;
  #gcSeconds = 0;
  #gcCount = 0;

  begin(): void {
    this.#profiler = new GCProfiler();
    this.#profiler.start();
    const loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    loopDelay.enable();
    this.#loopDelays.push(loopDelay);
    this.#usedAtFirst = usedHeap();
  }

  end(): void {
    const usedAtLast = usedHeap();
    this.#loopDelays.at(-1)?.disable();
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
      loopDelayP99Ms: meanOf(this.#loopDelays.map(delayP99Ms)),
    };
  }
}

/** CPU time of this process, user and system, all its threads. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** A loop that is on time is reported with the resolution itself. */
const delayP99Ms = (loopDelay: IntervalHistogram) => Math.max(0, loopDelay.percentile(99) / 1e6 - RESOLUTION_MS);

const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

const usedHeap = () => getHeapStatistics().used_heap_size;

function allocated(atFirst: number, collections: GCProfilerResult["statistics"], atLast: number): number {
  let [used, bytes] = [atFirst, 0];
  for (const { beforeGC, afterGC } of collections) {
    bytes += beforeGC.heapStatistics.usedHeapSize - used;
    used = afterGC.heapStatistics.usedHeapSize;
  }
  return Math.max(0, bytes + atLast - used);
}
