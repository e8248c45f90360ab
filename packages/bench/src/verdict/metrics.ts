/** What is compared: each figure's name, unit, which way is better, and how it is made of measurements. */

import type { CaseSettings, Measurement } from "../record.js";

/** How a figure of many rounds is made of theirs. */
export type Reckoning =
  /** Each round gives B's figure by A's; the ratio is their geometric mean. What a round did to both of them cancels out. */
  | { readonly by: "round"; readonly of: (measurement: Measurement) => number }
  /** Sums of all rounds by each other: for what a single round may have none of. */
  | { readonly by: "sums"; readonly of: (measurement: Measurement) => number; readonly per: (m: Measurement) => number }
  /** A quantile of the latencies of all rounds together. */
  | { readonly by: "quantile"; readonly q: number };

export interface Metric {
  readonly name: MetricName;
  /** As a sentence has it. */
  readonly title: string;
  /** As the head of a row has it. */
  readonly short: string;
  readonly unit: Unit;
  readonly better: "higher" | "lower";
  readonly reckoning: Reckoning;
}

export type Unit = "per second" | "microseconds" | "bytes" | "share";

export type MetricName =
  | "throughput"
  | "cpu"
  | "p50"
  | "p90"
  | "p99"
  | "p99.9"
  | "allocated"
  | "gc"
  | "loop-delay"
  | "memory"
  | "success";

const quantile = (name: MetricName, q: number): Metric => ({
  name,
  title: `latency ${name}`,
  short: `latency ${name}`,
  unit: "microseconds",
  better: "lower",
  reckoning: { by: "quantile", q },
});

export const METRICS: readonly Metric[] = [
  {
    name: "throughput",
    title: "throughput",
    short: "throughput",
    unit: "per second",
    better: "higher",
    reckoning: { by: "round", of: ({ operations, seconds }) => operations / seconds },
  },
  {
    name: "cpu",
    title: "CPU time per operation",
    short: "CPU time/op",
    unit: "microseconds",
    better: "lower",
    reckoning: { by: "round", of: ({ cpuSeconds, operations }) => (1e6 * cpuSeconds) / operations },
  },
  quantile("p50", 0.5),
  quantile("p90", 0.9),
  quantile("p99", 0.99),
  quantile("p99.9", 0.999),
  {
    name: "allocated",
    title: "memory allocated per operation",
    short: "allocated/op",
    unit: "bytes",
    better: "lower",
    reckoning: { by: "round", of: ({ allocatedBytes = Number.NaN, operations }) => allocatedBytes / operations },
  },
  {
    name: "gc",
    title: "garbage collection time per operation",
    short: "GC time/op",
    unit: "microseconds",
    better: "lower",
    reckoning: { by: "sums", of: ({ gcSeconds }) => 1e6 * gcSeconds, per: ({ operations }) => operations },
  },
  {
    name: "loop-delay",
    title: "event-loop delay p99",
    short: "loop delay p99",
    unit: "microseconds",
    better: "lower",
    reckoning: { by: "round", of: ({ loopDelayP99Ms }) => 1000 * loopDelayP99Ms },
  },
  {
    name: "memory",
    title: "peak memory",
    short: "peak memory",
    unit: "bytes",
    better: "lower",
    reckoning: { by: "round", of: ({ peakRssBytes }) => peakRssBytes },
  },
  {
    name: "success",
    title: "share of operations that succeed",
    short: "succeeded",
    unit: "share",
    better: "higher",
    reckoning: { by: "sums", of: ({ operations }) => operations, per: attempts },
  },
];

export const METRIC_NAMES: readonly MetricName[] = METRICS.map(({ name }) => name);

function attempts({ operations, failures }: Measurement): number {
  return Object.values(failures).reduce((sum, count) => sum + count, operations);
}

/**
 * What the verdict on a case comes from, unless it was said beforehand. In a closed loop clients send as fast as they can; with
 * arrivals at a fixed rate the throughput is given, and callers feel the latency; where credentials rotate they feel failures.
 */
export function judgedByDefault({ operation, arrivalsPerSecond }: CaseSettings): readonly MetricName[] {
  if (operation === "rotation") return ["success"];
  return arrivalsPerSecond === undefined ? ["throughput", "cpu"] : ["p50", "cpu"];
}
