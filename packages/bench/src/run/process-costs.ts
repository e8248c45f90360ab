/**
 * What a stretch of time costs this process besides CPU: garbage collection, memory taken, delay of the event loop.
 *
 * Allocations are those of V8's heap: what it grew between collections, summed over them, from the sizes before and after
 * each that V8's own GCProfiler notes. Memory outside of the heap (Buffers' contents) is not in it; the peak RSS has that.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";
import { GCProfiler, type GCProfilerResult, getHeapStatistics } from "node:v8";

/** How often the event loop is asked how late it is. */
const RESOLUTION_MS = 5;

export interface ProcessCosts {
  readonly allocatedBytes: number;
  readonly gcSeconds: number;
  readonly gcCount: number;
  readonly peakRssBytes: number;
  readonly loopDelayP99Ms: number;
}

/** Begins now. @returns how to end it. */
export function watchProcess(): () => ProcessCosts {
  const profiler = new GCProfiler();
  const loopDelay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loopDelay.enable();
  profiler.start();
  const usedAtFirst = usedHeap();
  return () => {
    const usedAtLast = usedHeap();
    loopDelay.disable();
    const { statistics } = profiler.stop();
    return {
      allocatedBytes: allocated(usedAtFirst, statistics, usedAtLast),
      gcSeconds: statistics.reduce((sum, { cost }) => sum + cost, 0) / 1e6,
      gcCount: statistics.length,
      peakRssBytes: process.resourceUsage().maxRSS * 1024,
      // A loop that is on time is reported with the resolution itself.
      loopDelayP99Ms: Math.max(0, loopDelay.percentile(99) / 1e6 - RESOLUTION_MS),
    };
  };
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
