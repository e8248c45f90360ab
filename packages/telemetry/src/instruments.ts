/** The instruments of one meter provider, made once however much is observed with it. */

import type { Attributes, Counter, Gauge, Histogram, Meter, MeterProvider, Observable } from "@opentelemetry/api";
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

export type Instruments = { readonly [K in MetricKey]: OfKind[(typeof METRICS)[K]["kind"]] };

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
  /** Whether recording how long a request took costs nothing worth putting off. */
  readonly keepsRequestDurations: boolean;

  static of(provider: MeterProvider): Meters {
    const meters = made.get(provider) ?? new Meters(provider);
    made.set(provider, meters);
    return meters;
  }

  private constructor(provider: MeterProvider) {
    this.#meter = provider.getMeter("@evertoken/telemetry", VERSION);
    const requestDuration = kept.get(provider);
    this.keepsRequestDurations = requestDuration !== undefined;
    const instruments = Object.entries(METRICS).map(([key, metric]) =>
      key === "requestDuration" && requestDuration !== undefined ? [key, requestDuration] : [key, this.#make(metric)],
    );
    this.instruments = Object.fromEntries(instruments) as Instruments;
    const labels = { version: VERSION, node_version: process.versions.node };
    this.readGauges(["build"], (tell) => tell("build", 1, labels));
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
