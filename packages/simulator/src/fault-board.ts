/**
 * Which faults are active now. Begins and ends follow from instants, looked at whenever something is asked; timers only
 * make the news of them punctual.
 */

import { type Clock, check, createEvents, type EventSource, InvalidInputError, type Timer } from "@evertoken/core";
import {
  FAULTS,
  type FaultName,
  type FaultOptions,
  type FaultPeriod,
  faultName,
  faultOptions,
  foreignOption,
} from "./faults.js";

export interface ActiveFault {
  readonly name: FaultName;
  readonly options: FaultOptions;
  /** Epoch milliseconds, by the simulator's clock. */
  readonly startedAt: number;
  /** Ends it now. Does nothing when it is over already. */
  end(): void;
}

export type FaultEvents = {
  faultStarted: { readonly name: FaultName; readonly at: number };
  /** Faults of an instant have no end to tell of. */
  faultEnded: { readonly name: FaultName; readonly at: number };
};

/** What the rooms do when a fault begins and ends, told at the instant at which it does, however late it is noticed. */
export interface FaultEffects {
  began(name: FaultName, at: number): void;
  ended(name: FaultName, at: number): void;
}

interface Planned {
  readonly name: FaultName;
  readonly options: FaultOptions;
  readonly fromEpochMs: number;
  readonly toEpochMs: number;
}

interface Running extends ActiveFault {
  readonly endsAt: number;
  strikesLeft: number;
}

const HOUR_MS = 3_600_000;

export class FaultBoard implements EventSource<FaultEvents> {
  readonly #clock: Clock;
  readonly #events = createEvents<FaultEvents>();
  readonly #effects: FaultEffects;
  #planned: Planned[];
  #running: Running[] = [];
  #timer: Timer | undefined;

  constructor(clock: Clock, timeline: readonly FaultPeriod[], effects: FaultEffects) {
    this.#clock = clock;
    this.#effects = effects;
    const startedAt = clock.now();
    this.#planned = timeline
      .map(({ fault, fromHours, toHours, ...options }) => ({
        name: fault,
        options,
        fromEpochMs: startedAt + fromHours * HOUR_MS,
        toEpochMs: toHours === undefined ? Number.POSITIVE_INFINITY : startedAt + toHours * HOUR_MS,
      }))
      .sort((a, b) => a.fromEpochMs - b.fromEpochMs);
    this.#catchUp();
  }

  /** @throws InvalidInputError for an unknown fault, or an option that means nothing to it. */
  start(name: FaultName, options: FaultOptions = {}): ActiveFault {
    check(faultName, name, "fault");
    check(faultOptions, options, `options of the fault ${name}`);
    const foreign = foreignOption(name, options);
    if (foreign !== undefined) {
      throw new InvalidInputError(`options of the fault ${name}`, [{ field: foreign, message: "means nothing to it" }]);
    }
    this.#catchUp();
    return this.#begin({ name, options, fromEpochMs: this.#clock.now(), toEpochMs: Number.POSITIVE_INFINITY });
  }

  active(): ActiveFault[] {
    this.#catchUp();
    return [...this.#running];
  }

  /** The active fault of that name, if there is one. A fault of a counted kind is used up by `strike`. */
  find(name: FaultName): ActiveFault | undefined {
    this.#catchUp();
    return this.#running.find((fault) => fault.name === name);
  }

  /** Whether a fault of a counted kind strikes now; it is over after as many strikes as it has. */
  strike(name: FaultName): boolean {
    this.#catchUp();
    const fault = this.#running.find((running) => running.name === name);
    if (fault === undefined) return false;
    fault.strikesLeft -= 1;
    if (fault.strikesLeft === 0) fault.end();
    return true;
  }

  on<K extends keyof FaultEvents>(event: K, listener: (carried: FaultEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  close(): void {
    this.#timer?.cancel();
    this.#planned = [];
    this.#running = [];
  }

  /** Begins and ends what is due, in the order of the instants. */
  #catchUp(): void {
    const now = this.#clock.now();
    for (;;) {
      const nextBegin = this.#planned[0];
      const nextEnd = this.#running.reduce<Running | undefined>(
        (first, fault) => (first === undefined || fault.endsAt < first.endsAt ? fault : first),
        undefined,
      );
      const beginsFirst =
        nextBegin !== undefined && nextBegin.fromEpochMs < (nextEnd?.endsAt ?? Number.POSITIVE_INFINITY);
      if (beginsFirst && nextBegin.fromEpochMs <= now) {
        this.#planned.shift();
        this.#begin(nextBegin);
      } else if (nextEnd !== undefined && nextEnd.endsAt <= now) {
        this.#end(nextEnd, nextEnd.endsAt);
      } else break;
    }
    this.#setTimer(now);
  }

  #begin({ name, options, fromEpochMs, toEpochMs }: Planned): ActiveFault {
    const running: Running = {
      name,
      options,
      startedAt: fromEpochMs,
      endsAt: toEpochMs,
      strikesLeft: FAULTS[name].kind === "count" ? (options.count ?? 1) : Number.POSITIVE_INFINITY,
      end: () => {
        this.#catchUp();
        this.#end(running, this.#clock.now());
      },
    };
    if (FAULTS[name].kind !== "instant") this.#running.push(running);
    this.#effects.began(name, fromEpochMs);
    this.#events.emit("faultStarted", { name, at: fromEpochMs });
    return running;
  }

  #end(fault: Running, at: number): void {
    if (!this.#running.includes(fault)) return;
    this.#running = this.#running.filter((running) => running !== fault);
    this.#effects.ended(fault.name, at);
    this.#events.emit("faultEnded", { name: fault.name, at });
  }

  #setTimer(now: number): void {
    this.#timer?.cancel();
    const instants = [
      ...this.#planned.map(({ fromEpochMs }) => fromEpochMs),
      ...this.#running.map(({ endsAt }) => endsAt),
    ];
    const next = Math.min(...instants);
    this.#timer = Number.isFinite(next) ? this.#clock.setTimer(next - now, () => this.#catchUp()) : undefined;
  }
}
