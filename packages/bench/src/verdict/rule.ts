/**
 * From an interval to a word, by a rule that is fixed before anything is measured.
 *
 * The change is how much worse B is than A: above 1 in the direction that nobody wants (less throughput, more time), as a ratio.
 *
 *                     better      1        margin      worse
 *    faster       ├──●──┤         │          │                  without doubt better, by the margin or more
 *    no worse                 ├───●───┤      │                  a loss as large as the margin can be ruled out
 *    slower                       │   ├──────●────┤             without doubt worse, and by the margin or more as far as one can tell
 *    cannot tell                ├─┼──────●───┼──┤               anything else
 *
 * "Slower" asks two things. That the interval excludes 1 bounds the false alarms, whatever the margin. That the estimate reaches
 * the margin keeps a loss that is certain and too small to matter from failing anybody's build. An interval that excludes 1 and
 * reaches across the margin with an estimate on the near side is "cannot tell": more rounds will say on which side it lies.
 */

import type { Interval } from "../statistics/bootstrap.js";

export type Word = "slower" | "faster" | "no worse" | "cannot tell";

export interface Judgement {
  readonly word: Word;
  /** About how many rounds more will settle it, when it can be settled. */
  readonly moreRounds?: number;
}

/** All in logarithms: 0 is no change. */
export interface Evidence {
  /** Of B's figure by A's. */
  readonly logRatio: Interval;
  readonly better: "higher" | "lower";
  /** 0.03: a loss of 3 % matters. */
  readonly margin: number;
  readonly rounds: number;
}

/** More of what one has would not settle it in any time that somebody would wait. */
const NOT_WORTH_WAITING_FOR = 20;
/** As many standard errors as the interval must clear the line by, so that four of five runs of that length settle it. */
const ASSURANCE_Z = 0.84;

export function judge({ logRatio, better, margin, rounds }: Evidence): Judgement {
  const loss = better === "lower" ? logRatio : mirrored(logRatio);
  const unbearable = better === "lower" ? Math.log1p(margin) : -Math.log1p(-margin);
  if (![loss.estimate, loss.low, loss.high].every(Number.isFinite)) return { word: "cannot tell" };
  if (loss.low > 0 && loss.estimate >= unbearable) return { word: "slower" };
  if (loss.high < 0 && -loss.estimate >= unbearable) return { word: "faster" };
  if (loss.high < unbearable) return { word: "no worse" };
  return { word: "cannot tell", ...roundsFor(loss, unbearable, rounds) };
}

const mirrored = ({ estimate, low, high }: Interval): Interval => ({ estimate: -estimate, low: -high, high: -low });

/** The interval shrinks with the square root of the rounds; the estimate is taken to stay where it is. */
function roundsFor(loss: Interval, unbearable: number, rounds: number): { readonly moreRounds?: number } {
  const isNearSide = loss.estimate < unbearable;
  const distance = isNearSide ? unbearable - loss.estimate : loss.estimate;
  const halfWidth = isNearSide ? loss.high - loss.estimate : loss.estimate - loss.low;
  // Of the half width, about a third is one standard error at the confidence that is usual here.
  const needed = rounds * ((halfWidth * (1 + ASSURANCE_Z / 3)) / distance) ** 2;
  const more = Math.ceil(needed) - rounds;
  return more <= NOT_WORTH_WAITING_FOR * rounds ? { moreRounds: Math.max(more, 1) } : {};
}
