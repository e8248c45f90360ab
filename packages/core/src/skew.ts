/**
 * Clock skew: how far this host's wall clock is behind (+) or ahead (−) of a service's, measured from the `Date` header
 * of an answer. The header has whole seconds and was written at some moment between sending and receiving, so what
 * lies within that uncertainty counts as no skew.
 */

import type { Clock } from "./clock.js";

/** The skew in milliseconds: add it to `now()` to get the service's time. Undefined when there is nothing to measure. */
export function measureSkew(dateHeader: string | undefined, sentAt: number, receivedAt: number): number | undefined {
  const serviceTime = dateHeader === undefined ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(serviceTime)) return undefined;
  // The header is cut down to its second: on average the service's clock stood half a second later.
  const offset = serviceTime + 500 - (sentAt + receivedAt) / 2;
  const uncertainty = 500 + Math.abs(receivedAt - sentAt) / 2;
  return Math.abs(offset) <= uncertainty ? 0 : offset;
}

/** A service's clock is read from its answers this often: skew changes slowly, and parsing dates is not free. */
const SAMPLE_INTERVAL_MS = 60_000;

/** Measures skew on some of many answers. */
export class SkewSampler {
  readonly #clock: Pick<Clock, "now">;
  readonly #note: (skewMs: number) => void;
  #sampledAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, "now">, note: (skewMs: number) => void) {
    this.#clock = clock;
    this.#note = note;
  }

  /** An answer with this `Date` header has come to a request that was sent at `sentAt`. */
  sample(dateHeader: string | undefined, sentAt: number): void {
    const isDue = sentAt - this.#sampledAt >= SAMPLE_INTERVAL_MS || sentAt < this.#sampledAt;
    if (!isDue) return;
    this.#sampledAt = sentAt;
    const skewMs = measureSkew(dateHeader, sentAt, this.#clock.now());
    if (skewMs !== undefined) this.#note(skewMs);
  }
}
