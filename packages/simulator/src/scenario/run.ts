/** A scenario that is being played: moves the clock as it says, watches the requests, and judges in the end. */

import { type Clock, InvalidInputError, type Timer, VirtualClock } from "@evertoken/core";
import type { Journal, JournalEntry } from "../journal.js";
import type { ClockChange, Scenario } from "./scenario.js";

export interface Verdict {
  /** Whether everything is as expected. */
  readonly passed: boolean;
  readonly expectations: readonly {
    readonly text: string;
    /** What is wrong; undefined: nothing. */
    readonly problem: string | undefined;
  }[];
}

export interface ScenarioRun {
  readonly scenario: Scenario;
  /** Resolves when its time has passed by the simulator's clock; never, if that is closed before. */
  readonly finished: Promise<Verdict>;
  /** What can be said up to now. Requests after its end do not count. */
  verdict(): Verdict;
}

export class PlayedScenario implements ScenarioRun {
  readonly scenario: Scenario;
  readonly finished: Promise<Verdict>;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #judges: readonly {
    readonly text: string;
    readonly judge: ReturnType<Scenario["expect"][number]["judge"]>;
  }[];
  readonly #stopListening: () => void;
  #changes: readonly ClockChange[];
  #timer: Timer | undefined;
  #isOver = false;
  #finish: (verdict: Verdict) => void = () => {};

  /** @throws InvalidInputError when it changes a clock that cannot be changed. */
  constructor(scenario: Scenario, clock: Clock, journal: Journal) {
    if (scenario.clock.length > 0 && !(clock instanceof VirtualClock)) {
      const message = "changes the clock, but this is the host's own: expected a VirtualClock, or none";
      throw new InvalidInputError("startSimulator options", [{ field: "scenario", message }]);
    }
    this.scenario = scenario;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#changes = scenario.clock;
    this.#judges = scenario.expect.map(({ text, judge }) => ({ text, judge: judge() }));
    this.finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#stopListening = journal.on("entry", (entry) => this.#take(entry));
    this.#lookAhead();
  }

  verdict(): Verdict {
    const sinceStartMs = Math.min(this.#clock.now() - this.#startedAt, this.scenario.lastsMs);
    const expectations = this.#judges.map(({ text, judge }) => ({ text, problem: judge.verdict(sinceStartMs) }));
    return { passed: expectations.every(({ problem }) => problem === undefined), expectations };
  }

  close(): void {
    this.#timer?.cancel();
    this.#stopListening();
    this.#isOver = true;
  }

  #take(entry: JournalEntry): void {
    const sinceStartMs = entry.at - this.#startedAt;
    if (sinceStartMs > this.scenario.lastsMs) return;
    for (const { judge } of this.#judges) judge.take(entry, sinceStartMs);
  }

  /** Changes the clock as far as that is due, ends when it is time, and comes back at the next of the two. */
  #lookAhead(): void {
    this.#timer?.cancel();
    if (this.#isOver) return;
    const sinceStartMs = this.#clock.now() - this.#startedAt;
    const [next, ...rest] = this.#changes;
    if (next !== undefined && next.atMs <= sinceStartMs) {
      this.#changes = rest;
      this.#change(next);
      this.#lookAhead();
      return;
    }
    if (sinceStartMs >= this.scenario.lastsMs) {
      this.close();
      this.#finish(this.verdict());
      return;
    }
    const dueMs = Math.min(next?.atMs ?? Number.POSITIVE_INFINITY, this.scenario.lastsMs);
    this.#timer = this.#clock.setTimer(dueMs - sinceStartMs, () => this.#lookAhead());
  }

  #change({ stepMs, speed }: ClockChange): void {
    const clock = this.#clock as VirtualClock;
    if (stepMs !== 0) clock.step(stepMs);
    if (speed !== undefined) clock.setSpeed(speed);
  }
}
