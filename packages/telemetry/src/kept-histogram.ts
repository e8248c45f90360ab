/**
 * A histogram that costs next to nothing to record into: OpenTelemetry's SDK sorts and prints all labels for each value, which the
 * fast lane of a pool would feel. For the SDK that `exportMetrics` sets up, whose readers collect it as metrics of a producer of their
 * own; with anybody else's SDK the durations of requests go through the API.
 */

import type { Attributes } from "@opentelemetry/api";

/** What was recorded with certain labels. Whoever records often holds on to it, and looks nothing up. */
export class KeptSeries {
  readonly labels: Attributes;
  /** Epoch milliseconds. */
  readonly since: number;
  readonly #bounds: readonly number[];
  /** Not cumulative; one more than there are bounds. */
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(labels: Attributes, since: number, bounds: readonly number[]) {
    this.labels = labels;
    this.since = since;
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket += 1;
    this.counts[bucket] = (this.counts[bucket] as number) + 1;
    this.sum += value;
    this.count += 1;
  }
}

export class KeptHistogram {
  readonly bounds: readonly number[];
  readonly #now: () => number;
  readonly #series = new Map<string, KeptSeries>();

  constructor(bounds: readonly number[], now: () => number) {
    this.bounds = bounds;
    this.#now = now;
  }

  /** The same one for the same labels, in whatever order. */
  series(labels: Attributes): KeptSeries {
    const key = JSON.stringify(Object.entries(labels).sort());
    const series = this.#series.get(key) ?? new KeptSeries(labels, this.#now(), this.bounds);
    this.#series.set(key, series);
    return series;
  }

  all(): KeptSeries[] {
    return [...this.#series.values()];
  }
}
