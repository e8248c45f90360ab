/**
 * Plays a case's load with one client, turn by turn, and adds up what came of those that count. Between turns it waits, so
 * that another process has the machine to itself.
 */

import type { Pauses } from "@evertoken/core";
import type { OpenClient, Operation } from "../candidates/client.js";
import type { CaseSettings, Slice } from "../record.js";
import { LatencyHistogram } from "./histogram.js";
import { type Played, playTurn } from "./load.js";
import { CostMeter, ownCpuSeconds, type ProcessCosts } from "./process-costs.js";

export interface Turn extends Slice {
  /** Operations that failed. */
  readonly failed: number;
  /** Some operation never ended: no further turn makes sense. */
  readonly isStuck: boolean;
}

export interface Recorded extends ProcessCosts {
  readonly latencies: readonly (readonly [number, number])[];
  readonly failures: Readonly<Record<string, number>>;
  /** What the first failure of each name said. */
  readonly saidFirst: Readonly<Record<string, string>>;
  /** Some of the objects whose write was acknowledged. */
  readonly acknowledged: readonly string[];
}

/** One operation that ended, for whoever looks at more than is recorded. */
export interface Outcome {
  /** When it should have begun. */
  readonly dueMs: number;
  readonly endedMs: number;
  readonly failed: boolean;
}

interface PlayerOptions {
  readonly of: CaseSettings;
  readonly client: OpenClient;
  /** The `index`-th operation, for the `slot`-th of those under way at the same time. */
  readonly operation: (index: number, slot: number) => Operation;
  readonly pauses: Pauses;
  readonly onOutcome?: ((outcome: Outcome) => void) | undefined;
}

/** Of each turn that counts, acknowledged writes that are looked at later. */
const LOOKED_AT = 2;

export class Player {
  readonly #options: PlayerOptions;
  readonly #histogram = new LatencyHistogram();
  readonly #failures = new Map<string, { readonly count: number; readonly first: string }>();
  readonly #acknowledged = new Set<string>();
  readonly #costs = new CostMeter();
  #index = 0;
  #counts = false;
  #succeeded = 0;
  #failed = 0;
  #toLookAt = 0;
  #isStuck = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
  }

  /** Some operation never ended: no further turn makes sense. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** @param counts false: only to warm up. */
  async turn(ms: number, counts: boolean): Promise<Turn> {
    const { of, pauses } = this.#options;
    const { inFlight, arrivalsPerSecond } = of;
    [this.#counts, this.#succeeded, this.#failed, this.#toLookAt] = [counts, 0, 0, LOOKED_AT];
    if (counts) this.#costs.begin();
    const cpuFrom = ownCpuSeconds();
    const send = (index: number, slot: number, dueMs: number) => this.#send(index, slot, dueMs);
    const rate = arrivalsPerSecond === undefined ? {} : { arrivalsPerSecond };
    const played = await playTurn({ send, inFlight, pauses, ...rate }, this.#index, ms);
    const cpuSeconds = ownCpuSeconds() - cpuFrom;
    if (counts) this.#costs.end();
    this.#counts = false;
    this.#index += played.due;
    return this.#ended(played, cpuSeconds);
  }

  recorded(): Recorded {
    const failures = [...this.#failures];
    return {
      ...this.#costs.costs(),
      latencies: this.#histogram.buckets(),
      failures: Object.fromEntries(failures.map(([name, { count }]) => [name, count])),
      saidFirst: Object.fromEntries(failures.map(([name, { first }]) => [name, first])),
      acknowledged: [...this.#acknowledged],
    };
  }

  #ended({ seconds, unanswered }: Played, cpuSeconds: number): Turn {
    // Also in a warm-up: nothing else will come of it.
    this.#noteFailure("NotAnsweredInTime", "it had not ended seconds later", unanswered);
    this.#isStuck = unanswered > 0;
    const failed = this.#failed + unanswered;
    return { seconds, operations: this.#succeeded, cpuSeconds, failed, isStuck: this.#isStuck };
  }

  async #send(index: number, slot: number, dueMs: number): Promise<void> {
    const asked = this.#options.operation(index, slot);
    try {
      const size = await this.#options.client.run(asked);
      const { sizeBytes } = this.#options.of;
      if ((asked.type === "get" || asked.type === "head") && size !== sizeBytes) {
        this.#noteFailed(dueMs, "WrongSize", `${asked.type} of ${sizeBytes} bytes was answered with ${size}`);
      } else this.#noteSucceeded(dueMs, asked);
    } catch (error) {
      this.#noteFailed(dueMs, failureName(error), error instanceof Error ? error.message : String(error));
    }
  }

  #noteSucceeded(dueMs: number, asked: Operation): void {
    this.#succeeded += 1;
    if (!this.#counts) return;
    const endedMs = this.#options.pauses.monotonic();
    this.#histogram.record((endedMs - dueMs) * 1000);
    this.#options.onOutcome?.({ dueMs, endedMs, failed: false });
    if (this.#toLookAt > 0 && (asked.type === "put" || asked.type === "multipart")) {
      this.#toLookAt -= 1;
      this.#acknowledged.add(asked.key);
    }
  }

  #noteFailed(dueMs: number, name: string, message: string): void {
    this.#failed += 1;
    if (!this.#counts) return;
    this.#noteFailure(name, message, 1);
    this.#options.onOutcome?.({ dueMs, endedMs: this.#options.pauses.monotonic(), failed: true });
  }

  #noteFailure(name: string, message: string, count: number): void {
    if (count === 0) return;
    const known = this.#failures.get(name) ?? { count: 0, first: message };
    this.#failures.set(name, { ...known, count: known.count + count });
  }
}

/** The error's name, or Node.js's code for what has no name of its own. */
function failureName(error: unknown): string {
  if (!(error instanceof Error)) return "NotAnError";
  const { name, code } = error as Error & { code?: unknown };
  const said = /^(Aggregate)?Error$/.test(name) && typeof code === "string" ? code : name;
  return /^[\w.-]{1,60}$/.test(said) ? said : "Error";
}
