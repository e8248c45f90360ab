/**
 * Which faults are active now. Begins and ends follow from instants, looked at whenever something is asked; timers only
 * make the news of them punctual.
 */

import { type Clock, createEvents, type EventSource, seededRandom, type Timer } from "@evertoken/core";
import type { Asked } from "../gate/asked.js";
import type { Service } from "../services.js";
import { aim } from "./aim.js";
import type { FaultAct, FaultOptions, FaultTools } from "./fault.js";
import { checkFault, type FaultPeriod } from "./options.js";
import { FAULTS, type FaultName } from "./table.js";

export interface ActiveFault {
  /** Counts up from 1 over all faults of a simulator. */
  readonly id: number;
  readonly name: FaultName;
  readonly options: FaultOptions;
  /** Epoch milliseconds, by the simulator's clock. */
  readonly startedAt: number;
  /** When it ends by itself, by the simulator's clock; infinite unless that was planned. */
  readonly endsAt: number;
  /** How many requests it has struck. */
  readonly strikes: number;
  /** Ends it now. Does nothing when it is over already. */
  end(): void;
}

export type FaultEvents = {
  faultStarted: { readonly name: FaultName; readonly at: number };
  /** Faults of an instant have no end to tell of. */
  faultEnded: { readonly name: FaultName; readonly at: number };
};

/** A fault that strikes a request. */
export interface Strike extends FaultAct {
  readonly name: FaultName;
}

interface Planned {
  readonly name: FaultName;
  readonly options: FaultOptions;
  readonly fromEpochMs: number;
  readonly toEpochMs: number;
}

interface Running extends ActiveFault {
  strikes: number;
  readonly most: number;
  readonly act: FaultAct;
  readonly strikesAt: (asked: Asked) => boolean;
}

export interface FaultBoardOptions {
  readonly timeline: readonly FaultPeriod[];
  readonly seed: number;
  readonly tools: Omit<FaultTools, "random">;
}

const HOUR_MS = 3_600_000;

export class FaultBoard implements EventSource<FaultEvents> {
  readonly #clock: Clock;
  readonly #tools: FaultBoardOptions["tools"];
  readonly #seed: number;
  readonly #events = createEvents<FaultEvents>();
  #planned: Planned[];
  #running: Running[] = [];
  /** When the next one begins or ends by itself. */
  #dueAt = Number.NEGATIVE_INFINITY;
  #begun = 0;
  #timer: Timer | undefined;

  constructor({ timeline, seed, tools }: FaultBoardOptions) {
    this.#clock = tools.clock;
    this.#tools = tools;
    this.#seed = seed;
    const startedAt = this.#clock.now();
    this.#planned = timeline
      .map(({ fault, fromHours, toHours, ...options }) => ({
        name: fault,
        options,
        fromEpochMs: startedAt + fromHours * HOUR_MS,
        toEpochMs: toHours === undefined ? Number.POSITIVE_INFINITY : startedAt + toHours * HOUR_MS,
      }))
      .sort((a, b) => a.fromEpochMs - b.fromEpochMs);
  }

  /** @throws InvalidInputError for an unknown fault, or an option that means nothing to it. */
  start(name: FaultName, options: FaultOptions = {}): ActiveFault {
    checkFault(name, options);
    this.catchUp();
    return this.#begin({ name, options, fromEpochMs: this.#clock.now(), toEpochMs: Number.POSITIVE_INFINITY });
  }

  active(): ActiveFault[] {
    this.catchUp();
    return [...this.#running];
  }

  /** The faults that strike a request, in the order of their begins. A counted one is used up by this. */
  strikes(service: Service, describe: () => Asked): Strike[] {
    this.catchUp();
    const candidates = this.#running.filter(({ name }) => FAULTS[name].services?.includes(service));
    if (candidates.length === 0) return [];
    const asked = describe();
    return candidates.filter((fault) => this.#strikes(fault, asked)).map(({ name, act }) => ({ ...act, name }));
  }

  on<K extends keyof FaultEvents>(event: K, listener: (carried: FaultEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  close(): void {
    this.#timer?.cancel();
    this.#planned = [];
    this.#running = [];
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** Begins and ends what is due, in the order of the instants. Costs next to nothing while nothing is. */
  catchUp(): void {
    const now = this.#clock.now();
    if (now < this.#dueAt) return;
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
    this.#lookAhead();
  }

  #strikes(fault: Running, asked: Asked): boolean {
    if (fault.act.concerns?.(asked) === false || !fault.strikesAt(asked)) return false;
    fault.strikes += 1;
    if (fault.strikes >= fault.most) fault.end();
    return true;
  }

  #begin({ name, options, fromEpochMs, toEpochMs }: Planned): ActiveFault {
    this.#begun += 1;
    const random = seededRandom(this.#seed * 1009 + this.#begun);
    const act = FAULTS[name].act(options, { ...this.#tools, random });
    const once = FAULTS[name].kind === "count" || options.where?.nth !== undefined;
    const running: Running = {
      id: this.#begun,
      name,
      options,
      startedAt: fromEpochMs,
      endsAt: toEpochMs,
      strikes: 0,
      most: options.count ?? (once ? 1 : Number.POSITIVE_INFINITY),
      act,
      strikesAt: aim(options.where ?? {}, random),
      end: () => {
        this.catchUp();
        this.#end(running, this.#clock.now());
      },
    };
    if (FAULTS[name].kind !== "instant") this.#running.push(running);
    act.began?.(fromEpochMs);
    this.#events.emit("faultStarted", { name, at: fromEpochMs });
    this.#lookAhead();
    return running;
  }

  #end(fault: Running, at: number): void {
    if (!this.#running.includes(fault)) return;
    this.#running = this.#running.filter((running) => running !== fault);
    fault.act.ended?.(at);
    this.#events.emit("faultEnded", { name: fault.name, at });
    this.#lookAhead();
  }

  #lookAhead(): void {
    this.#timer?.cancel();
    const instants = [
      ...this.#planned.map(({ fromEpochMs }) => fromEpochMs),
      ...this.#running.map(({ endsAt }) => endsAt),
    ];
    this.#dueAt = Math.min(...instants);
    this.#timer = Number.isFinite(this.#dueAt)
      ? this.#clock.setTimer(this.#dueAt - this.#clock.now(), () => this.catchUp())
      : undefined;
  }
}
