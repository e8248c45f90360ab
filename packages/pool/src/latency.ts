/**
 * How long requests took, counted in buckets that are the same everywhere, so that those of several members, pools and
 * hosts can be added up.
 */

/** Upper bounds in milliseconds, in steps of 1, 2.5, 5: enough to tell 95 ms from 110, and small to keep. */
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 60_000] as const;

export interface LatencyStats {
  readonly count: number;
  readonly sumMs: number;
  /** How many took `leMs` milliseconds or less; cumulative, as Prometheus counts. The last bound is infinite. */
  readonly buckets: readonly { readonly leMs: number; readonly count: number }[];
}

export class Latency {
  /** One more than there are bounds: what took longer than all of them. */
  readonly #counts = new Array<number>(BOUNDS_MS.length + 1).fill(0);
  #sumMs = 0;

  add(ms: number): void {
    const bucket = BOUNDS_MS.findIndex((bound) => ms <= bound);
    const index = bucket === -1 ? BOUNDS_MS.length : bucket;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sumMs += ms;
  }

  stats(): LatencyStats {
    let count = 0;
    const buckets = this.#counts.map((own, index) => {
      count += own;
      return Object.freeze({ leMs: BOUNDS_MS[index] ?? Number.POSITIVE_INFINITY, count });
    });
    return Object.freeze({ count, sumMs: this.#sumMs, buckets });
  }
}
