/**
 * How long requests took between two looks, in a space that does not grow with their number: buckets whose bounds stand seven per
 * cent apart, from 20 µs to over a minute. A quantile is right to half of that.
 */

const FIRST_MS = 0.02;
const STEP = 1.07;
const BUCKETS = 224;

const PER_BUCKET = Math.log(STEP);

export class Latencies {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  add(ms: number): void {
    const bucket = ms <= FIRST_MS ? 0 : Math.ceil(Math.log(ms / FIRST_MS) / PER_BUCKET);
    const index = Math.min(BUCKETS - 1, bucket);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count += 1;
  }

  /** In milliseconds; undefined without any. */
  quantile(q: number): number | undefined {
    if (this.#count === 0) return undefined;
    let left = Math.max(1, Math.ceil(q * this.#count));
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0) return Number((FIRST_MS * STEP ** (bucket - 0.5)).toPrecision(3));
    }
    return undefined;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
  }
}
