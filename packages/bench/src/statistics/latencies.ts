/**
 * Quantiles of latency histograms, over rounds that count as often as they were drawn. Counts of all rounds are added up before
 * a quantile is read: a p99.9 of one round of a thousand requests would be its slowest request and nothing else.
 */

export type Histogram = readonly (readonly [upToUs: number, count: number])[];

/** Fewer requests than this beyond a quantile say where a few of them happened to lie, not where the quantile is. */
const FEWEST_BEYOND = 10;
/** A bucket begins no farther below its end: its width where the next one down is empty. */
const BUCKET_WIDTH = 0.016;

export class Latencies {
  /** Of the buckets of all rounds, in microseconds, ascending. */
  readonly #bounds: readonly number[];
  /** For each round, how many requests took up to each bound. */
  readonly #upTo: readonly Float64Array[];
  readonly #totals: readonly number[];

  constructor(rounds: readonly Histogram[]) {
    this.#bounds = [...new Set(rounds.flatMap((round) => round.map(([upToUs]) => upToUs)))].sort((a, b) => a - b);
    this.#upTo = rounds.map((round) => cumulative(round, this.#bounds));
    this.#totals = this.#upTo.map((counts) => counts.at(-1) ?? 0);
  }

  /** Whether enough requests lie beyond the quantile to speak of it. */
  reaches(q: number): boolean {
    return this.#totals.reduce((sum, total) => sum + total, 0) * (1 - q) >= FEWEST_BEYOND;
  }

  /** In microseconds, each round counted as often as its weight says; NaN where nothing was counted. */
  quantile(q: number, weights: ArrayLike<number>): number {
    const rank = q * weighted(this.#totals, weights);
    let [low, high] = [0, this.#bounds.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#seen(middle, weights) >= rank) high = middle;
      else low = middle + 1;
    }
    const [end, before, within] = [this.#bounds[low], this.#seen(low - 1, weights), this.#seen(low, weights)];
    if (end === undefined || within === 0) return Number.NaN;
    // Within a bucket requests are taken to lie evenly, or a small difference would be all or nothing.
    const start = Math.max(this.#bounds[low - 1] ?? 0, end * (1 - BUCKET_WIDTH));
    return within === before ? end : start + ((end - start) * Math.max(rank - before, 0)) / (within - before);
  }

  #seen(place: number, weights: ArrayLike<number>): number {
    let seen = 0;
    for (let round = 0; round < this.#upTo.length; round += 1) {
      seen += (weights[round] as number) * (this.#upTo[round]?.[place] ?? 0);
    }
    return seen;
  }
}

function cumulative(round: Histogram, bounds: readonly number[]): Float64Array {
  const places = new Map(bounds.map((upToUs, place) => [upToUs, place]));
  const counts = new Float64Array(bounds.length);
  for (const [upToUs, count] of round) {
    const place = places.get(upToUs) as number;
    counts[place] = (counts[place] as number) + count;
  }
  for (let place = 1; place < counts.length; place += 1) {
    counts[place] = (counts[place] as number) + (counts[place - 1] as number);
  }
  return counts;
}

/** The sum of figures, each as often as its weight says. */
export function weighted(figures: ArrayLike<number>, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let round = 0; round < figures.length; round += 1) {
    sum += (figures[round] as number) * (weights[round] as number);
  }
  return sum;
}
