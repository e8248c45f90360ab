/**
 * Follows a load from its first operation on: lets it warm up, measures, and stops it. What ends within the measured time
 * counts; operations under way at its beginning and end are cut alike, so the load never pauses in between.
 */

import type { Pauses } from "@evertoken/core";
import type { Operation } from "../candidates/client.js";
import type { Slice } from "../record.js";
import { LatencyHistogram } from "./histogram.js";
import { Pieces } from "./pieces.js";
import { type ProcessCosts, watchProcess } from "./process-costs.js";
import { WarmUp } from "./warm-up.js";

/** Where operations take long, the measured time is longer as well: until so many have ended, or this many times as long. */
const OPERATIONS = 20;
export const AT_MOST_TIMES_AS_LONG = 10;

/** The block bootstrap wants pieces by the dozen, with enough operations in each. */
const SLICES = 20;

export interface Plan {
  /** The warm-up ends when it is steady, and after this long at the latest. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  /**
   * Latencies count for operations that were due within the measured time, however late they ended (open loop), rather than
   * for those that ended within it.
   */
  readonly latenciesByStart: boolean;
}

export interface Recorded extends ProcessCosts {
  readonly operations: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly slices: readonly Slice[];
  readonly latencies: readonly (readonly [number, number])[];
  readonly failures: Readonly<Record<string, number>>;
  /** What the first failure of each name said. */
  readonly saidFirst: Readonly<Record<string, string>>;
  /** Some of the objects whose write was acknowledged. */
  readonly acknowledged: readonly string[];
  readonly unsteady: boolean;
}

/** One operation that ended, for whoever looks at more than the recorder does. */
export interface Outcome {
  /** When it should have begun. */
  readonly dueMs: number;
  readonly endedMs: number;
  readonly failed: boolean;
}

type Stage = "warm-up" | "measuring" | "over";

export class Recorder {
  readonly #plan: Plan;
  readonly #pauses: Pauses;
  readonly #listeners: { readonly measuring: () => void; readonly outcome?: (outcome: Outcome) => void };
  readonly #histogram = new LatencyHistogram();
  readonly #failures = new Map<string, { count: number; first: string }>();
  readonly #acknowledged = new Set<string>();
  readonly #warmUp: WarmUp;
  #stage: Stage = "warm-up";
  #pieces: Pieces;
  #from = 0;
  #until = Number.POSITIVE_INFINITY;
  #unsteady = false;
  /** Operations that ended within the measured time, well or not. */
  #ended = 0;
  #costs: (() => ProcessCosts) | undefined;
  #costed: ProcessCosts | undefined;

  constructor(plan: Plan, pauses: Pauses, listeners: { measuring: () => void; outcome?: (outcome: Outcome) => void }) {
    this.#plan = plan;
    this.#pauses = pauses;
    this.#listeners = listeners;
    const now = pauses.monotonic();
    this.#warmUp = new WarmUp(plan.warmUpMs, now);
    this.#pieces = new Pieces(plan.measureMs / SLICES, now);
  }

  get isOver(): boolean {
    return this.#stage === "over";
  }

  /** When the measured time began and ended, on the monotonic scale of `pauses`. */
  get measured(): { readonly fromMs: number; readonly untilMs: number } {
    return { fromMs: this.#from, untilMs: this.#until };
  }

  succeeded(dueMs: number, operation: Operation): void {
    const now = this.#pauses.monotonic();
    if (this.#counts(dueMs, now)) {
      this.#histogram.record((now - dueMs) * 1000);
      this.#listeners.outcome?.({ dueMs, endedMs: now, failed: false });
    }
    if (this.#stage === "warm-up") {
      this.#warmUp.count();
      this.#warm(now);
    } else if (this.#stage === "measuring") {
      this.#ended += 1;
      if (!this.#pieces.count(now)) return;
      if (operation.type === "put" || operation.type === "multipart") this.#acknowledged.add(operation.key);
      this.#pieceEnded(now);
    }
  }

  failed(dueMs: number, name: string, message: string): void {
    const now = this.#pauses.monotonic();
    if (this.#counts(dueMs, now)) {
      this.failedAtAll(name, message, 1);
      this.#listeners.outcome?.({ dueMs, endedMs: now, failed: true });
    }
    this.#ended += 1;
    this.tick();
  }

  failedAtAll(name: string, message: string, count: number): void {
    if (count === 0) return;
    const known = this.#failures.get(name) ?? { count: 0, first: message };
    this.#failures.set(name, { ...known, count: known.count + count });
  }

  /** To be called now and then, so that time passes also while nothing succeeds. */
  tick(): void {
    const now = this.#pauses.monotonic();
    if (this.#stage === "warm-up") this.#warm(now);
    else if (this.#stage === "measuring" && this.#pieces.tick(now)) this.#pieceEnded(now);
  }

  /** What was measured, once it is over and the stragglers are in. */
  result(): Recorded {
    if (this.#costed === undefined) throw new Error("the measured time is not over yet");
    const slices = this.#pieces.done;
    const sum = (of: (slice: Slice) => number) => slices.reduce((total, slice) => total + of(slice), 0);
    const failures = [...this.#failures];
    return {
      ...this.#costed,
      operations: sum(({ operations }) => operations),
      seconds: sum(({ seconds }) => seconds),
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
      slices,
      latencies: this.#histogram.buckets(),
      failures: Object.fromEntries(failures.map(([name, { count }]) => [name, count])),
      saidFirst: Object.fromEntries(failures.map(([name, { first }]) => [name, first])),
      acknowledged: [...this.#acknowledged],
      unsteady: this.#unsteady,
    };
  }

  #counts(dueMs: number, now: number): boolean {
    if (!this.#plan.latenciesByStart) return this.#stage === "measuring";
    return this.#stage !== "warm-up" && dueMs >= this.#from && dueMs < Math.min(this.#until, now);
  }

  #warm(now: number): void {
    const how = this.#warmUp.over(now);
    if (how !== undefined) this.#begin(how === "unsteady");
  }

  #pieceEnded(now: number): void {
    if (!this.#isEnough(now - this.#from)) return;
    this.#stage = "over";
    this.#until = now;
    this.#costed = this.#costs?.();
  }

  #isEnough(elapsedMs: number): boolean {
    const { measureMs } = this.#plan;
    if (elapsedMs < measureMs) return false;
    return this.#ended >= OPERATIONS || elapsedMs >= AT_MOST_TIMES_AS_LONG * measureMs;
  }

  #begin(unsteady: boolean): void {
    this.#stage = "measuring";
    this.#unsteady = unsteady;
    this.#ended = 0;
    this.#costs = watchProcess();
    this.#listeners.measuring();
    // After what it took to set all that up.
    this.#from = this.#pauses.monotonic();
    this.#pieces = new Pieces(this.#plan.measureMs / SLICES, this.#from);
  }
}
