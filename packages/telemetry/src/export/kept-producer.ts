/** What a kept histogram has, to a reader of the SDK: all since the beginning, or what is new since the last time. */

import { systemClock } from "@evertoken/core";
import { type HrTime, ValueType } from "@opentelemetry/api";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type CollectionResult,
  DataPointType,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import type { KeptHistogram, KeptSeries } from "../kept-histogram.js";
import type { Metric } from "../metrics.js";
import { VERSION } from "../version.js";

type Figures = Pick<KeptSeries, "counts" | "sum" | "count">;

export class KeptProducer implements MetricProducer {
  readonly #histogram: KeptHistogram;
  readonly #metric: Metric;
  readonly #temporality: AggregationTemporality;
  /** What a reader of differences has been given, and when. */
  readonly #given = new WeakMap<KeptSeries, Figures>();
  #givenAt: number | undefined;

  constructor(histogram: KeptHistogram, metric: Metric, temporality: AggregationTemporality) {
    this.#histogram = histogram;
    this.#metric = metric;
    this.#temporality = temporality;
  }

  async collect(): Promise<CollectionResult> {
    const now = systemClock.now();
    const isDelta = this.#temporality === AggregationTemporality.DELTA;
    const dataPoints = this.#histogram.all().map((series) => {
      const { counts, sum, count } = isDelta ? this.#sinceGiven(series) : series;
      return {
        attributes: series.labels,
        startTime: hrTime(isDelta ? Math.max(series.since, this.#givenAt ?? 0) : series.since),
        endTime: hrTime(now),
        value: { buckets: { boundaries: [...this.#histogram.bounds], counts: [...counts] }, sum, count },
      };
    });
    this.#givenAt = now;
    const { name, description, unit = "" } = this.#metric;
    const metric = {
      descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
      aggregationTemporality: this.#temporality,
      dataPointType: DataPointType.HISTOGRAM as const,
      dataPoints,
    };
    const scope = { name: "@evertoken/telemetry", version: VERSION };
    const scopeMetrics = dataPoints.length === 0 ? [] : [{ scope, metrics: [metric] }];
    return { resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] };
  }

  #sinceGiven(series: KeptSeries): Figures {
    const { counts, sum, count } = series;
    const given = this.#given.get(series);
    this.#given.set(series, { counts: [...counts], sum, count });
    if (given === undefined) return { counts, sum, count };
    return {
      counts: counts.map((own, bucket) => own - (given.counts[bucket] ?? 0)),
      sum: sum - given.sum,
      count: count - given.count,
    };
  }
}

function hrTime(epochMs: number): HrTime {
  const seconds = Math.floor(epochMs / 1000);
  return [seconds, Math.round((epochMs - 1000 * seconds) * 1e6)];
}
