/**
 * A histogram that costs next to nothing to record into: OpenTelemetry's SDK sorts and prints all labels for each value, which the
 * fast lane of a pool would feel. For the SDK that `exportMetrics` sets up, whose readers collect it as metrics of a producer of their
 * own; with anybody else's SDK the durations of requests go through the API.
 */

import type { Attributes, Histogram } from "@opentelemetry/api";

export interface KeptSeries {
  readonly labels: Attributes;
  /** Epoch milliseconds. */
  readonly since: number;
  /** Not cumulative; one more than there are bounds. */
  readonly counts: number[];
  sum: number;
  count: number;
}

export class KeptHistogram implements Histogram {
  readonly bounds: readonly number[];
  readonly #now: () => number;
  /** The same labels again and again are the same object. */
  readonly #byObject = new WeakMap<Attributes, KeptSeries>();
  readonly #byValue = new Map<string, KeptSeries>();

  constructor(bounds: readonly number[], now: () => number) {
    this.bounds = bounds;
    this.#now = now;
  }

  record(value: number, labels: Attributes = {}): void {
    const series = this.#byObject.get(labels) ?? this.#seriesOf(labels);
    let bucket = 0;
    while (bucket < this.bounds.length && value > (this.bounds[bucket] as number)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] as number) + 1;
    series.sum += value;
    series.count += 1;
  }

  all(): KeptSeries[] {
    return [...this.#byValue.values()];
  }

  #seriesOf(labels: Attributes): KeptSeries {
    const key = JSON.stringify(Object.entries(labels).sort());
    const series = this.#byValue.get(key) ?? {
      labels,
      since: this.#now(),
      counts: new Array<number>(this.bounds.length + 1).fill(0),
      sum: 0,
      count: 0,
    };
    this.#byValue.set(key, series);
    this.#byObject.set(labels, series);
    return series;
  }
}
