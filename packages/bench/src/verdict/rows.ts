/** The figures of two candidates beside each other: each with its ratio, an interval, and what that comes to. */

import type { Random } from "@evertoken/core";
import type { Measurement } from "../record.js";
import { bootstrapIntervals, type Interval } from "../statistics/bootstrap.js";
import { mannWhitney } from "../statistics/mann-whitney.js";
import { type Figures, figuresOf } from "./figures.js";
import { METRICS, type MetricName, type Unit } from "./metrics.js";
import { type Judgement, judge } from "./rule.js";

export interface Row {
  readonly metric: MetricName;
  /** As a sentence has it. */
  readonly title: string;
  /** As the head of a row has it. */
  readonly short: string;
  readonly unit: Unit;
  readonly better: "higher" | "lower";
  /** Whether the pair's verdict comes from this figure, among others. */
  readonly judged: boolean;
  readonly a: number;
  readonly b: number;
  /** B by A, with its interval. */
  readonly ratio: Interval;
  /** Of each round, in order. */
  readonly roundsOfA: readonly number[];
  readonly roundsOfB: readonly number[];
  /** Mann–Whitney U, two-sided, over the figures of the rounds. */
  readonly p: number;
  readonly judgement: Judgement;
}

export interface RowOptions {
  readonly margin: number;
  /** Of each figure that is shown only. */
  readonly confidence: number;
  /** Of all figures that are judged, together. */
  readonly judgedConfidence: number;
  readonly judged: readonly MetricName[];
  readonly judgedOnly: boolean;
}

/** @param a measurements of the first candidate, round by round; `b` those of the other, of the same rounds. */
export function rowsOf(
  a: readonly Measurement[],
  b: readonly Measurement[],
  { margin, confidence, judgedConfidence, judged, judgedOnly }: RowOptions,
  random: Random,
): Row[] {
  const isJudged = (name: MetricName) => judged.includes(name);
  const figures = METRICS.filter(({ name }) => !judgedOnly || isJudged(name))
    .map((metric) => figuresOf(metric, a, b))
    .filter((one) => one !== undefined)
    .filter((one) => isJudged(one.metric.name) || isWorthShowing(one));
  return [true, false].flatMap((wanted) => {
    const of = figures.filter(({ metric: { name } }) => isJudged(name) === wanted);
    const intervals = bootstrapIntervals((weights) => of.map(({ logRatio }) => logRatio(weights)), {
      rounds: a.length,
      confidence: wanted ? judgedConfidence : confidence,
      jointly: wanted,
      random,
    });
    return of.map((one, index) => rowOf(one, { logRatio: intervals[index] as Interval, margin, judged: wanted }));
  });
}

function rowOf(
  { metric, a, b, roundsOfA, roundsOfB }: Figures,
  { logRatio, margin, judged }: { readonly logRatio: Interval; readonly margin: number; readonly judged: boolean },
): Row {
  const { name, title, short, unit, better } = metric;
  const { p } = mannWhitney(roundsOfA, roundsOfB);
  const judgement = judge({ logRatio, better, margin, rounds: roundsOfA.length });
  const described = { metric: name, title, short, unit, better, judged };
  return { ...described, a, b, ratio: exponential(logRatio), roundsOfA, roundsOfB, p, judgement };
}

/** That everything succeeded goes without saying, and so does a ratio by nothing. */
function isWorthShowing({ metric: { name }, a, b, roundsOfA, logRatio }: Figures): boolean {
  if (name === "success") return a < 1 || b < 1;
  return Number.isFinite(logRatio(new Float64Array(roundsOfA.length).fill(1)));
}

const exponential = ({ estimate, low, high }: Interval): Interval => ({
  estimate: Math.exp(estimate),
  low: Math.exp(low),
  high: Math.exp(high),
});
