/**
 * How figures leave the process: asked for, in Prometheus's text format, or sent, by OTLP.
 *
 * Both are told each gauge anew at each collection. With the SDK's own choice, cumulative, a gauge that is not read any more
 * stays at its last value for ever: a Keeper that was closed hours ago would go on to survive.
 */

import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  InstrumentType,
  MetricReader,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import type { OtlpOptions } from "./options.js";

/** For Prometheus. */
export class TextReader extends MetricReader {
  // Without the labels of the scope: it is the same for all.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, false, true);

  constructor() {
    super({ aggregationTemporalitySelector: temporalityFor });
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

export function otlpReader({ url, headers, intervalMs }: OtlpOptions): MetricReader {
  const exportIntervalMillis = intervalMs ?? (Number(process.env.OTEL_METRIC_EXPORT_INTERVAL) || 60_000);
  return new PeriodicExportingMetricReader({
    exporter: new Exporter({
      ...(url === undefined ? {} : { url }),
      ...(headers === undefined ? {} : { headers }),
    }),
    exportIntervalMillis,
    // A sending must have ended before the next begins.
    exportTimeoutMillis: Math.min(exportIntervalMillis, 30_000),
  });
}
