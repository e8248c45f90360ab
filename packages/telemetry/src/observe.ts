/**
 * The way in: makes a Keeper, a pool or an IMDS client measurable. What each of them tells is turned into figures in a file
 * of its own. With no OpenTelemetry SDK in the process all of it comes to nothing.
 */

import { check, InvalidInputError } from "@evertoken/core";
import { type MeterProvider, metrics, type TracerProvider, trace } from "@opentelemetry/api";
import * as v from "valibot";
import { measureImds } from "./imds.js";
import { type Instrumentation, Meters } from "./instruments.js";
import { measureKeeper } from "./keeper.js";
import { Names } from "./names.js";
import { has, isImdsClient, isKeeper, isPool, type Observable } from "./observable.js";
import { measurePool } from "./pool.js";
import { Spans } from "./spans.js";

export interface ObserveOptions {
  /** Default: the one that is registered with the OpenTelemetry API at this moment; without one nothing is measured. */
  readonly meterProvider?: MeterProvider | undefined;
  /** Default: the one that is registered with the OpenTelemetry API, now or later. */
  readonly tracerProvider?: TracerProvider | undefined;
  /** Tells several of a kind apart in the label `keeper`, `pool` or `client`. Default `default`, then `default-2`, … */
  readonly name?: string | undefined;
}

const schema = v.strictObject({
  meterProvider: v.optional(v.custom<MeterProvider>(has("getMeter"), "must be an OpenTelemetry MeterProvider")),
  tracerProvider: v.optional(v.custom<TracerProvider>(has("getTracer"), "must be an OpenTelemetry TracerProvider")),
  name: v.optional(
    v.pipe(
      v.string("must be a short name"),
      v.regex(/^[\w.-]{1,40}$/, (issue) => `is ${JSON.stringify(issue.input)}: expected 1 to 40 of A-Z a-z 0-9 _.-`),
    ),
  ),
});

/** The label in which the name of what is observed stands. */
type Label = "keeper" | "pool" | "client";

/** What is observed with one meter provider, and how often it was asked for. */
interface Observed {
  count: number;
  readonly stop: () => void;
}

class Observatory {
  readonly #meters: Meters;
  readonly #names: Readonly<Record<Label, Names>> = { keeper: new Names(), pool: new Names(), client: new Names() };
  readonly #observed = new Map<Observable, Observed>();

  constructor(provider: MeterProvider) {
    this.#meters = Meters.of(provider);
  }

  observe(target: Observable, spans: Spans, wish: string | undefined): () => void {
    const known = this.#observed.get(target);
    const observed = known ?? { count: 0, stop: this.#begin(target, spans, wish) };
    this.#observed.set(target, observed);
    observed.count += 1;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      observed.count -= 1;
      if (observed.count > 0) return;
      this.#observed.delete(target);
      observed.stop();
    };
  }

  #begin(target: Observable, spans: Spans, wish: string | undefined): () => void {
    const meters = this.#meters;
    const begin = (kind: Label, measure: (to: Instrumentation) => () => void) => {
      const name = this.#names[kind].claim(wish);
      const stop = measure({ meters, spans, name });
      return () => {
        stop();
        this.#names[kind].release(name);
      };
    };
    if (isKeeper(target)) return begin("keeper", (to) => measureKeeper(target, to));
    if (isImdsClient(target)) return begin("client", (to) => measureImds((tell) => target.on("request", tell), to));
    const stopPool = begin("pool", (to) => measurePool(target, to));
    const stopKeeper = this.observe(target.keeper, spans, wish);
    return () => {
      stopPool();
      stopKeeper();
    };
  }
}

const observatories = new WeakMap<MeterProvider, Observatory>();

/**
 * Measures a Keeper, a pool together with its Keeper, or an IMDS client, through the OpenTelemetry API; refreshes and replays
 * become spans in the trace of whoever waited for them. `docs/metrics.md` lists the metrics. Set up the SDK first: metrics go
 * to the meter provider of this moment. Observing the same thing twice with one provider measures it once.
 *
 * @example
 * const stop = observe(pool);
 *
 * @returns the way to stop.
 * @throws InvalidInputError when this is nothing that can be observed, or an option is not what it must be.
 */
export function observe(target: Observable, options: ObserveOptions = {}): () => void {
  const { meterProvider = metrics.getMeterProvider(), tracerProvider = trace, name } = checked(target, options);
  const observatory = observatories.get(meterProvider) ?? new Observatory(meterProvider);
  observatories.set(meterProvider, observatory);
  return observatory.observe(target, new Spans(tracerProvider), name);
}

function checked(target: Observable, options: ObserveOptions): ObserveOptions {
  if (!isKeeper(target) && !isImdsClient(target) && !isPool(target)) {
    throw new InvalidInputError("observe", [
      { field: "target", message: "expected a Keeper, a pool or an IMDS client" },
    ]);
  }
  return check(schema, options, "observe options");
}
