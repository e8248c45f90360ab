/**
 * How figures leave the process: asked for, in Prometheus's text format, or sent, by OTLP.
 *
 * Both are told each gauge anew at each collection. With the SDK's own choice, cumulative, a gauge that is not read any more
 * stays at its last value for ever: a Keeper that was closed hours ago would go on to survive.
 */

import { systemClock } from "@evertoken/core";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  InstrumentType,
  MetricReader,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { BOUNDS } from "../instruments.js";
import { KeptHistogram } from "../kept-histogram.js";
import { METRICS } from "../metrics.js";
import { KeptProducer } from "./kept-producer.js";
import type { OtlpOptions } from "./options.js";

/** How long requests took. */
export function requestDurations(): KeptHistogram {
  return new KeptHistogram(BOUNDS, () => systemClock.now());
}

function producers(durations: KeptHistogram, temporality: AggregationTemporality): KeptProducer[] {
  return [new KeptProducer(durations, METRICS.requestDuration, temporality)];
}

/** For Prometheus. */
export class TextReader extends MetricReader {
  // Without the labels of the scope: it is the same for all.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true);

  constructor(durations: KeptHistogram) {
    super({
      aggregationTemporalitySelector: temporalityFor,
      metricProducers: producers(durations, AggregationTemporality.CUMULATIVE),
    });
  }

  async text(): Promise<string> {
    const { resourceMetrics, errors } = await this.collect();
    if (errors.length > 0) throw new AggregateError(errors, "some figures could not be read");
    return this.#serializer.serialize(resourceMetrics);
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

function temporalityFor(type: InstrumentType): AggregationTemporality {
  return type === InstrumentType.OBSERVABLE_GAUGE ? AggregationTemporality.DELTA : AggregationTemporality.CUMULATIVE;
}

class Exporter extends OTLPMetricExporter {
  override selectAggregationTemporality(type: InstrumentType): AggregationTemporality {
    return type === InstrumentType.OBSERVABLE_GAUGE ? temporalityFor(type) : super.selectAggregationTemporality(type);
  }
}

export function otlpReader({ url, headers, intervalMs }: OtlpOptions, durations: KeptHistogram): MetricReader {
  const exportIntervalMillis = intervalMs ?? (Number(process.env.OTEL_METRIC_EXPORT_INTERVAL) || 60_000);
  const exporter = new Exporter({
    ...(url === undefined ? {} : { url }),
    ...(headers === undefined ? {} : { headers }),
  });
  return new PeriodicExportingMetricReader({
    exporter,
    metricProducers: producers(durations, exporter.selectAggregationTemporality(InstrumentType.HISTOGRAM)),
    exportIntervalMillis,
    // A sending must have ended before the next begins.
    exportTimeoutMillis: Math.min(exportIntervalMillis, 30_000),
  });
}
