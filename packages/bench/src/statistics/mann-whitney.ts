/**
 * Mann–Whitney U: do figures of B tend to be larger than those of A? Asks nothing of their distribution, and does not know
 * which of them were measured beside each other. Stands beside the interval; the verdict does not come from it.
 */

import { normalCumulative } from "./distributions.js";

export interface MannWhitney {
  /** Pairs of which B's is the larger; ties count half. From 0 to |A|·|B|. */
  readonly u: number;
  /** Two-sided: how likely a U at least as far from the middle is, if A and B do not differ. */
  readonly p: number;
  readonly exact: boolean;
}

/** Up to so many figures in all, every way to deal them out is counted, ties included; beyond, the normal approximation is as good. */
const EXACT_UP_TO = 60;

export function mannWhitney(a: readonly number[], b: readonly number[]): MannWhitney {
  const { doubled, ties } = ranks([...a, ...b]);
  const ofB = doubled.slice(a.length).reduce((sum, rank) => sum + rank, 0) / 2;
  const u = ofB - (b.length * (b.length + 1)) / 2;
  if (a.length === 0 || b.length === 0) return { u, p: 1, exact: true };
  if (a.length + b.length <= EXACT_UP_TO) return { u, p: exactP(doubled, b.length, ofB), exact: true };
  return { u, p: approximateP({ u, a: a.length, b: b.length, ties }), exact: false };
}

/** Ranks, those of ties averaged and all of them doubled, so that they are whole; and how many share each. */
function ranks(figures: readonly number[]): { readonly doubled: number[]; readonly ties: number[] } {
  const order = figures.map((_, index) => index).sort((x, y) => at(figures, x) - at(figures, y));
  const doubled = new Array<number>(figures.length).fill(0);
  const ties: number[] = [];
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && at(figures, at(order, to + 1)) === at(figures, at(order, from))) to += 1;
    for (let place = from; place <= to; place += 1) doubled[at(order, place)] = from + to + 2;
    ties.push(to - from + 1);
    from = to + 1;
  }
  return { doubled, ties };
}

/** Counts in how many of all choices of `chosen` figures their ranks add up to each sum. */
function exactP(doubled: readonly number[], chosen: number, sumOfB: number): number {
  const most = doubled.reduce((sum, rank) => sum + rank, 0);
  const ways = Array.from({ length: chosen + 1 }, () => new Float64Array(most + 1));
  at(ways, 0)[0] = 1;
  for (const rank of doubled) {
    for (let count = chosen; count > 0; count -= 1) {
      const [to, from] = [at(ways, count), at(ways, count - 1)];
      for (let sum = most; sum >= rank; sum -= 1) to[sum] = (to[sum] ?? 0) + (from[sum - rank] ?? 0);
    }
  }
  const middle = (most * chosen) / doubled.length;
  const distance = Math.abs(2 * sumOfB - middle) - 1e-9;
  let [far, all] = [0, 0];
  for (const [sum, count] of at(ways, chosen).entries()) {
    all += count;
    if (Math.abs(sum - middle) >= distance) far += count;
  }
  return far / all;
}

/** With the correction for ties, and half a step for continuity. */
function approximateP({ u, a, b, ties }: { u: number; a: number; b: number; ties: readonly number[] }): number {
  const all = a + b;
  const tied = ties.reduce((sum, count) => sum + count ** 3 - count, 0);
  const deviation = Math.sqrt(((a * b) / 12) * (all + 1 - tied / (all * (all - 1))));
  if (deviation === 0) return 1;
  const distance = Math.max(0, Math.abs(u - (a * b) / 2) - 0.5);
  return Math.min(1, 2 * normalCumulative(-distance / deviation));
}

function at<T>(list: ArrayLike<T>, index: number): T {
  return list[index] as T;
}
