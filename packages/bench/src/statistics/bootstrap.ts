/**
 * Block bootstrap: how far might a figure have come out differently, had other rounds happened? A round is the block. It holds
 * one process of each candidate, which take turns in random order, so what its figures share (the load of that minute, a
 * correlation from slice to slice within a process) stays together; rounds are independent of each other.
 *
 * Rounds are drawn whole. Drawing slices within the drawn rounds as well would count the noise within a round twice, since the
 * rounds' own figures already differ by it (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
 */

import type { Random } from "@evertoken/core";
import { normalQuantile, studentQuantile } from "./distributions.js";

export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Figures of all rounds, each round counting as often as its weight says. */
export type Statistic = (weights: Float64Array) => readonly number[];

export interface BootstrapOptions {
  readonly rounds: number;
  /** 0.99: ninety-nine of a hundred such intervals hold the truth. */
  readonly confidence: number;
  /** All of them at once do so as often, instead of each by itself. Default false. */
  readonly jointly?: boolean;
  readonly random: Random;
}

/** The fewest draws: the ends of a 98 % interval lie behind a hundred of them. */
const DRAWS = 9_999;
/** Draws that lie beyond each end of the interval, at least: fewer, and the ends are themselves a matter of luck. */
const BEYOND_THE_ENDS = 20;

/**
 * Percentile intervals of all figures of a statistic, from the same draws.
 *
 * The plain percentile interval is too narrow for few rounds: it takes the spread of the rounds it has for the true one. Its
 * deviations are stretched by √(n/(n−1)) · t/z, after which it is as wide as Student's interval where that one is right, and
 * keeps the bootstrap's asymmetry where it is not. (Hesterberg, What Teachers Should Know about the Bootstrap, 2015, stretches the
 * percentile levels by the same amount; with a dozen rounds and 99 % those levels lie beyond what draws can show.)
 */
export function bootstrapIntervals(
  statistic: Statistic,
  { rounds, confidence, jointly = false, random }: BootstrapOptions,
): Interval[] {
  const estimates = statistic(new Float64Array(rounds).fill(1));
  const loneTail = (1 - confidence) / 2;
  const sharedTail = loneTail / (jointly ? Math.max(1, estimates.length) : 1);
  const draws = Math.max(DRAWS, Math.ceil(BEYOND_THE_ENDS / sharedTail));
  const deviations = estimates.map(() => new Float64Array(draws));
  const weights = new Float64Array(rounds);
  for (let draw = 0; draw < draws; draw += 1) {
    weights.fill(0);
    for (let picked = 0; picked < rounds; picked += 1) {
      const round = Math.floor(random() * rounds);
      weights[round] = (weights[round] as number) + 1;
    }
    const drawn = statistic(weights);
    for (const [index, of] of deviations.entries()) of[draw] = (drawn[index] as number) - (estimates[index] as number);
  }
  const tail =
    sharedTail === loneTail ? loneTail : Math.max(sharedTail, Math.min(loneTail, jointTail(deviations, confidence)));
  const stretch = stretchFor(rounds, tail);
  return deviations.map((of, index) => {
    const estimate = estimates[index] as number;
    // One round says nothing of how others differ.
    if (rounds < 2) return { estimate, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
    of.sort();
    const end = (p: number) => estimate + stretch * quantileOfSorted(of, p);
    return { estimate, low: end(tail), high: end(1 - tail) };
  });
}

/**
 * What must lie beyond each end of each interval, so that a draw which is within all of them at once is as frequent as was asked
 * for. Figures that go up and down together, such as CPU time and throughput, leave one another more room than an even share
 * each (Bonferroni). (Beran, Balanced Simultaneous Confidence Sets, J. Am. Stat. Assoc. 83, 1988.)
 */
function jointTail(deviations: readonly Float64Array[], confidence: number): number {
  const draws = deviations[0]?.length ?? 0;
  const nearest = new Float64Array(draws).fill(1);
  for (const of of deviations) {
    const order = Uint32Array.from(of.keys()).sort((x, y) => (of[x] as number) - (of[y] as number));
    for (const [rank, draw] of order.entries()) {
      const beyond = (Math.min(rank, draws - 1 - rank) + 1) / (draws + 1);
      nearest[draw] = Math.min(nearest[draw] as number, beyond);
    }
  }
  return quantileOfSorted(nearest.sort(), 1 - confidence);
}

/** What few rounds do not know about their own spread. */
function stretchFor(rounds: number, tail: number): number {
  if (rounds < 2) return 1;
  return (Math.sqrt(rounds / (rounds - 1)) * studentQuantile(1 - tail, rounds - 1)) / normalQuantile(1 - tail);
}

/** Between two neighbours in proportion (Hyndman & Fan's type 6, which counts both ends as beyond what was seen). */
function quantileOfSorted(sorted: Float64Array, p: number): number {
  const place = Math.min(Math.max(p * (sorted.length + 1) - 1, 0), sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] as number, sorted[Math.ceil(place)] as number];
  return below === above ? below : below + (place - Math.floor(place)) * (above - below);
}
