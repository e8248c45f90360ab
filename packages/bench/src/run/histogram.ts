/**
 * Latencies, counted in buckets whose width grows with the value (HDR: high dynamic range), so that recording one costs a
 * few additions and takes no memory, however many there are. `createHistogram` of Node.js is such a histogram, but does not
 * give out its buckets, which is what a comparison needs.
 *
 * Values are whole microseconds. Below 128 each has a bucket of its own; above, each power of two has 64 buckets, so a
 * bucket is at most 1/64 (1.6 %) wider than its lower bound.
 */

const SUB_BUCKETS = 64;
const EXACT = 2 * SUB_BUCKETS;
/** About 38 hours: nothing measured here takes longer. */
const LARGEST_US = 2 ** 37 - 1;

export class LatencyHistogram {
  readonly #counts = new Uint32Array(bucketOf(LARGEST_US) + 1);

  record(us: number): void {
    const bucket = bucketOf(Math.min(LARGEST_US, Math.max(0, Math.round(us))));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** The buckets that hold something: the largest value that belongs there, and how many do. */
  buckets(): [upToUs: number, count: number][] {
    const filled: [number, number][] = [];
    for (const [bucket, count] of this.#counts.entries()) if (count > 0) filled.push([upperBoundOf(bucket), count]);
    return filled;
  }

  clear(): void {
    this.#counts.fill(0);
  }
}

function bucketOf(us: number): number {
  if (us < EXACT) return us;
  // How often `us` must be halved until it is one of the 64 of its power of two.
  const shift = Math.floor(Math.log2(us)) - 6;
  return shift * SUB_BUCKETS + Math.floor(us / 2 ** shift);
}

function upperBoundOf(bucket: number): number {
  if (bucket < EXACT) return bucket;
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1;
  const within = bucket - shift * SUB_BUCKETS;
  return (within + 1) * 2 ** shift - 1;
}
