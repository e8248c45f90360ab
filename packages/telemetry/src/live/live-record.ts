/**
 * What a page is told, put together from the reports of its lanes: the state of now, the samples and sentences so far, all of it
 * bounded. Whoever connects gets everything at once (`hello`), then what is new.
 */

import {
  type Clock,
  createEvents,
  type EventSource,
  every,
  systemClock,
  type Timer,
  VirtualClock,
} from "@evertoken/core";
import { VERSION } from "../version.js";
import type { News } from "./keeper-news.js";
import type { LaneReport } from "./lane-recorder.js";
import { Samples } from "./samples.js";
import type { Hello, LiveFault, LiveState, Tick, Told } from "./state.js";
import { spoken } from "./words.js";

export type LiveEvents = { tick: Tick; told: Told };

/** Where a page has it all from. */
export interface LiveFeed extends EventSource<LiveEvents> {
  hello(): Hello;
}

export interface LiveRecordOptions {
  readonly subject: Hello["subject"];
  /** What this host is called. */
  readonly host: string;
  /** The observed process's own. Default: the system's. */
  readonly clock?: Clock;
  /** Real milliseconds between two ticks. Default 1000. */
  readonly tickMs?: number;
  /** The faults now active, of a simulator. */
  readonly faults?: () => readonly LiveFault[];
}

const MOST_TOLD = 250;

/** A wall clock that runs this much ahead of or behind the time that passed was set, or the host slept. */
const JUMP_MS = 60_000;

export class LiveRecord implements LiveFeed {
  readonly #about: Omit<Hello, "state" | "samples" | "told">;
  readonly #clock: Clock;
  readonly #faults: () => readonly LiveFault[];
  readonly #events = createEvents<LiveEvents>();
  #samples: readonly Samples[] = [];
  #told: readonly Told[] = [];
  #toldSoFar = 0;
  #state: LiveState;
  #lastTick: { readonly now: number; readonly monotonic: number } | undefined;
  #timer: Timer | undefined;
  #isOver = false;

  constructor({ subject, host, clock = systemClock, tickMs = 1000, faults = () => [] }: LiveRecordOptions) {
    const run = `${process.pid}-${Math.round(clock.now())}`;
    this.#about = Object.freeze({ run, subject, host, version: VERSION, tickMs });
    this.#clock = clock;
    this.#faults = faults;
    this.#state = this.#stateWith([]);
  }

  /** Looks at the lanes at the pace of the ticks, until it is closed. */
  start(lanes: () => readonly LaneReport[]): this {
    this.#timer?.cancel();
    this.#timer = every(this.#about.tickMs, () => this.tick(lanes()), this.#clock.network);
    this.tick(lanes());
    return this;
  }

  /** One report for each lane, always in the same order. */
  tick(reports: readonly LaneReport[]): void {
    if (this.#isOver) {
      this.#events.emit("tick", { state: this.#state, samples: [] });
      return;
    }
    const jump = this.#jumpMs();
    this.#state = this.#stateWith(reports.map(({ lane }) => lane));
    const samples = reports.map(({ sample }) => sample);
    for (const [index, sample] of samples.entries()) {
      this.#samples = this.#samples[index] === undefined ? [...this.#samples, new Samples()] : this.#samples;
      this.#samples[index]?.add(sample);
    }
    this.#events.emit("tick", { state: this.#state, samples });
    if (Math.abs(jump) > JUMP_MS) {
      const how =
        jump > 0 ? `${spoken(jump)} ahead: the host slept, or it was set` : `${spoken(-jump)} back: it was set`;
      this.tell({ at: this.#state.now, kind: "state", severity: "note", text: `This host's clock went ${how}.` });
    }
    for (const { lane, news } of reports) for (const one of news) this.tell(one, lane.name);
  }

  tell(news: News, lane?: string): void {
    const id = this.#toldSoFar;
    this.#toldSoFar += 1;
    const told: Told = Object.freeze({ id, ...news, ...(lane === undefined ? {} : { lane }) });
    this.#told = [...this.#told.slice(1 - MOST_TOLD), told];
    this.#events.emit("told", told);
  }

  hello(): Hello {
    return {
      ...this.#about,
      state: this.#state,
      samples: this.#samples.map((samples) => samples.all()),
      told: this.#told,
    };
  }

  on<K extends keyof LiveEvents>(event: K, listener: (carried: LiveEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** What was recorded is over, and time stands: ticks go on, so that readers see that they are connected, with nothing new in them. */
  end(): void {
    this.#isOver = true;
    this.#state = { ...this.#state, speed: 0 };
  }

  /** No more ticks. What was recorded stays. */
  close(): void {
    this.#timer?.cancel();
  }

  #stateWith(lanes: LiveState["lanes"]): LiveState {
    const speed = this.#clock instanceof VirtualClock ? this.#clock.speed : 1;
    return { now: this.#clock.now(), speed, faults: this.#faults(), lanes };
  }

  /** How far the wall clock went beyond the time that passed since the last tick. */
  #jumpMs(): number {
    const last = this.#lastTick;
    const tick = { now: this.#clock.now(), monotonic: this.#clock.monotonic() };
    this.#lastTick = tick;
    return last === undefined ? 0 : tick.now - last.now - (tick.monotonic - last.monotonic);
  }
}
