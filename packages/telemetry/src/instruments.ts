/** The instruments of one meter provider, made once however much is observed with it. */

import type { Attributes, Counter, Gauge, Histogram, Meter, MeterProvider, Observable } from "@opentelemetry/api";
import { Batch } from "./batch.js";
import type { KeptHistogram } from "./kept-histogram.js";
import { METRICS, type Metric, type MetricKey } from "./metrics.js";
import type { Spans } from "./spans.js";
import { VERSION } from "./version.js";

/** Upper bounds in seconds, in steps of 1, 2.5, 5 like those of a pool's own figures: 1 ms to a minute. */
export const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60];

/** What stands between something observed and OpenTelemetry. */
export interface Instrumentation {
  readonly meters: Meters;
  readonly spans: Spans;
  readonly name: string;
}

interface OfKind {
  readonly gauge: Observable;
  readonly "observable-counter": Observable;
  readonly counter: Counter;
  readonly histogram: Histogram;
}

export type Instruments = {
  readonly [K in Exclude<MetricKey, "requestDuration">]: OfKind[(typeof METRICS)[K]["kind"]];
};

/** The one thing that is recorded for each request, so whoever records it holds on to where it goes. */
export interface RequestDurations {
  series(labels: Attributes): { record(seconds: number): void };
}

/** Gives the values of some gauges at each collection. */
export type Read = (tell: (key: GaugeKey, value: number | undefined, labels: Attributes) => void) => void;

type GaugeKey = { [K in MetricKey]: (typeof METRICS)[K]["kind"] extends "gauge" ? K : never }[MetricKey];

const made = new WeakMap<MeterProvider, Meters>();
const kept = new WeakMap<MeterProvider, KeptHistogram>();

/** The durations of requests are recorded into this histogram, for who observes with this provider from now on. */
export function keepRequestDurations(provider: MeterProvider, histogram: KeptHistogram): void {
  kept.set(provider, histogram);
}

export class Meters {
  readonly #meter: Meter;
  readonly instruments: Instruments;
  readonly requestDurations: RequestDurations;

  static of(provider: MeterProvider): Meters {
    const meters = made.get(provider) ?? new Meters(provider);
    made.set(provider, meters);
    return meters;
  }

  private constructor(provider: MeterProvider) {
    this.#meter = provider.getMeter("@evertoken/telemetry", VERSION);
    const { requestDuration, ...metrics } = METRICS;
    const instruments = Object.entries(metrics).map(([key, metric]) => [key, this.#make(metric)]);
    this.instruments = Object.fromEntries(instruments) as Instruments;
    const batch = kept.has(provider) ? undefined : new Batch(this.#make(requestDuration) as Histogram);
    this.requestDurations = kept.get(provider) ?? (batch as Batch);
    const labels = { version: VERSION, node_version: process.versions.node };
    this.readGauges(["build"], (tell) => {
      // Gauges are read first, so what is recorded here is still part of the same collection.
      batch?.record();
      tell("build", 1, labels);
    });
  }

  /** Reads several gauges at once whenever metrics are collected. Returns the way to stop. */
  readGauges(keys: readonly GaugeKey[], read: Read): () => void {
    const gauges = keys.map((key) => this.instruments[key]);
    const callback = (result: { observe(gauge: Observable, value: number, labels: Attributes): void }) => {
      read((key, value, labels) => {
        if (value !== undefined) result.observe(this.instruments[key], value, labels);
      });
    };
    this.#meter.addBatchObservableCallback(callback, gauges);
    return () => this.#meter.removeBatchObservableCallback(callback, gauges);
  }

  #make({ name, kind, ...options }: Metric): Counter | Gauge | Histogram | Observable {
    const { description, unit = "" } = options;
    const meter = this.#meter;
    switch (kind) {
      case "gauge":
        return meter.createObservableGauge(name, { description, unit });
      case "observable-counter":
        return meter.createObservableCounter(name, { description, unit });
      case "counter":
        return meter.createCounter(name, { description, unit });
      case "histogram":
        return meter.createHistogram(name, { description, unit, advice: { explicitBucketBoundaries: BOUNDS } });
    }
  }
}
