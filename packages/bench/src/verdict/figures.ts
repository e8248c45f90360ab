/** One metric's figures of two candidates: of all rounds, of each round, and their ratio for any weighting of the rounds. */

import type { Measurement } from "../record.js";
import { Latencies, weighted } from "../statistics/latencies.js";
import type { Metric, Reckoning } from "./metrics.js";

export interface Figures {
  readonly metric: Metric;
  readonly a: number;
  readonly b: number;
  readonly roundsOfA: readonly number[];
  readonly roundsOfB: readonly number[];
  /** The logarithm of B's figure by A's. */
  readonly logRatio: (weights: Float64Array) => number;
}

/** Undefined when there is none: not measured, or too few operations to speak of a quantile. */
export function figuresOf(metric: Metric, a: readonly Measurement[], b: readonly Measurement[]): Figures | undefined {
  const figures = reckon(metric, a, b);
  return figures !== undefined && Number.isFinite(figures.a) && Number.isFinite(figures.b) ? figures : undefined;
}

function reckon(metric: Metric, a: readonly Measurement[], b: readonly Measurement[]): Figures | undefined {
  const { reckoning } = metric;
  switch (reckoning.by) {
    case "round":
      return byRound(metric, a.map(reckoning.of), b.map(reckoning.of));
    case "sums":
      return bySums(metric, sumsOf(reckoning, a), sumsOf(reckoning, b));
    case "quantile":
      return byQuantile(metric, reckoning.q, a, b);
  }
}

function byRound(metric: Metric, roundsOfA: readonly number[], roundsOfB: readonly number[]): Figures {
  const rounds = roundsOfA.length;
  const logRatios = roundsOfA.map((figure, round) => Math.log((roundsOfB[round] as number) / figure));
  const geometricMean = (figures: readonly number[]) =>
    Math.exp(figures.reduce((sum, figure) => sum + Math.log(figure), 0) / rounds);
  const [a, b] = [geometricMean(roundsOfA), geometricMean(roundsOfB)];
  return { metric, a, b, roundsOfA, roundsOfB, logRatio: (weights) => weighted(logRatios, weights) / rounds };
}

interface Sums {
  readonly each: readonly number[];
  readonly of: (weights: ArrayLike<number>) => number;
}

function sumsOf({ of, per }: Extract<Reckoning, { by: "sums" }>, measurements: readonly Measurement[]): Sums {
  const [above, below] = [measurements.map(of), measurements.map(per)];
  return {
    each: above.map((figure, round) => figure / (below[round] as number)),
    of: (weights) => weighted(above, weights) / weighted(below, weights),
  };
}

function byQuantile(
  metric: Metric,
  q: number,
  a: readonly Measurement[],
  b: readonly Measurement[],
): Figures | undefined {
  const latenciesOf = (side: readonly Measurement[]) => new Latencies(side.map(({ latencies }) => latencies));
  const [ofA, ofB] = [latenciesOf(a), latenciesOf(b)];
  if (!ofA.reaches(q) || !ofB.reaches(q)) return undefined;
  const sums = (all: Latencies, side: readonly Measurement[]): Sums => ({
    each: side.map((one) => latenciesOf([one]).quantile(q, [1])),
    of: (weights) => all.quantile(q, weights),
  });
  return bySums(metric, sums(ofA, a), sums(ofB, b));
}

/** For what is read from all rounds together. */
function bySums(metric: Metric, a: Sums, b: Sums): Figures {
  const evenly = a.each.map(() => 1);
  return {
    metric,
    a: a.of(evenly),
    b: b.of(evenly),
    roundsOfA: a.each,
    roundsOfB: b.each,
    logRatio: (weights) => Math.log(b.of(weights) / a.of(weights)),
  };
}
