/**
 * The one way to wait between attempts: exponential with full jitter, so that many processes that failed together do
 * not come back together.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */

import { type Random, systemRandom } from "./random.js";

export interface BackOffOptions {
  /** The longest pause after the first failure, in milliseconds; it doubles with each failure. */
  readonly baseMs: number;
  /** The longest pause ever, in milliseconds. */
  readonly maxMs: number;
  readonly random?: Random;
}

/** The pause after the `failures`-th failure in a row (1 or more), in milliseconds: anything from 0 to the ceiling. */
export function backOff(failures: number, { baseMs, maxMs, random = systemRandom }: BackOffOptions): number {
  return random() * Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
}
