/**
 * One case in one round: every candidate has a process of its own, and they take turns, in a random order, then in the reverse of
 * it (A B B A), then in another. Only one of them works at a time. A turn is short, so what else the machine does meanwhile (other load, heat, a neighbour on the
 * same core) hits all of them alike, and what they differ by within a round is what they differ by.
 */

import { type Random, seededRandom } from "@evertoken/core";
import type { CaseSettings, Slice } from "../record.js";
import { coreForClients, keepToCore } from "./core.js";
import { type Conditions, cpuSecondsOf, watchMachine } from "./machine.js";
import { CandidateDied, Participant } from "./participant.js";
import type { Report, Task } from "./protocol.js";
import { shuffled } from "./shuffled.js";
import { isSteady, sumOf } from "./warm-up.js";

/** What a client does while it warms up is looked at after so long each time. */
const WARM_UP_TURN_MS = 150;

/**
 * A turn is so long that each caller has several operations in it. With fewer, a tail of one operation in a hundred that is
 * slow costs throughput at the turn's end, where nobody else takes the slow one's place: 2 % with four, half of it with eight.
 */
const OPERATIONS_PER_CALLER = 8;

/**
 * As short as that allows: a machine's speed wanders within tenths of a second, and what wanders more slowly than turns change
 * hits both alike. Shorter ones begin with caches that the other has emptied too often for it to be what a client costs.
 */
const SHORTEST_TURN_MS = 16;

/** Pieces for whoever resamples them. Where operations take long, the measured time is as much longer, within bounds. */
const FEWEST_TURNS = 4;
const AT_MOST_TIMES_AS_LONG = 10;

interface RoundSettings {
  readonly of: CaseSettings;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
  readonly environment: Readonly<Record<string, string>>;
  /** Of a target on this machine. */
  readonly targetPid: number | undefined;
  readonly signal: AbortSignal;
}

export interface Result {
  readonly report: Report;
  readonly slices: readonly Slice[];
  readonly unsteady: boolean;
  /** Cores that the target was busy for this candidate. Undefined when it is not on this machine. */
  readonly targetCores: number | undefined;
}

export interface RoundResult {
  /** In the order of the tasks. */
  readonly results: readonly (Result | CandidateDied)[];
  /** While they were measured. */
  readonly conditions: readonly Conditions[];
}

/** Measures, and leaves no process behind. @throws the signal's reason when it aborts. */
export async function playRound(settings: RoundSettings, tasks: readonly Task[]): Promise<RoundResult> {
  const round = new Round(settings, tasks);
  try {
    return await round.play();
  } finally {
    await round.end();
  }
}

interface Seat {
  readonly participant: Participant;
  readonly warmUp: Slice[];
  warm: "steady" | "unsteady" | undefined;
  died: CandidateDied | undefined;
  targetSeconds: number;
}

class Round {
  readonly #settings: RoundSettings;
  readonly #seats: readonly Seat[];
  readonly #random: Random;

  constructor(settings: RoundSettings, tasks: readonly Task[]) {
    const { environment, signal, seed } = settings;
    this.#settings = settings;
    this.#random = seededRandom(seed);
    this.#seats = tasks.map((task) => ({
      participant: new Participant(task, environment, signal),
      warmUp: [],
      warm: undefined,
      died: undefined,
      targetSeconds: 0,
    }));
  }

  async play(): Promise<RoundResult> {
    await Promise.all(this.#seats.map((seat) => this.#unlessItDies(seat, () => seat.participant.open())));
    await this.#warmUp();
    await this.#keepTogether();
    const { turns, turnMs } = this.#turns();
    const watch = watchMachine(this.#settings.targetPid);
    for (let turn = 0; turn < turns; turn += 2) {
      const order = shuffled(this.#playing(), this.#random);
      await this.#playInTurn(order, turnMs);
      // There and back again, so that what grows or shrinks meanwhile is shared by both.
      if (turns > 1) await this.#playInTurn(order.reverse(), turnMs);
    }
    const clientSeconds = sumOf(this.#seats.flatMap(({ participant }) => participant.slices)).cpuSeconds;
    const conditions = [watch(clientSeconds)];
    const results: (Result | CandidateDied)[] = [];
    for (const seat of this.#seats) {
      let report: Report | undefined;
      await this.#unlessItDies(seat, async () => {
        report = await seat.participant.finish();
      });
      results.push(
        report === undefined ? (seat.died as CandidateDied) : resultOf(seat, report, this.#settings.targetPid),
      );
    }
    return { results, conditions };
  }

  async end(): Promise<void> {
    await Promise.all(this.#seats.map(({ participant }) => participant.kill()));
  }

  /** Until each is steady, or has had its time. */
  async #warmUp(): Promise<void> {
    const { warmUpMs } = this.#settings;
    const ms = Math.min(WARM_UP_TURN_MS, Math.max(SHORTEST_TURN_MS, warmUpMs));
    for (let cold = this.#playing(); cold.length > 0; cold = this.#playing().filter(({ warm }) => warm === undefined)) {
      for (const seat of shuffled(cold, this.#random)) {
        await this.#unlessItDies(seat, async () => {
          seat.warmUp.push(await seat.participant.play({ ms, counts: false }));
          if (isSteady(seat.warmUp)) seat.warm = "steady";
          else if (sumOf(seat.warmUp).seconds * 1000 >= warmUpMs) seat.warm = "unsteady";
        });
      }
    }
  }

  /** Only now that a client has all threads of its own: those that it would start later would be kept to that core as well. */
  async #keepTogether(): Promise<void> {
    const core = coreForClients();
    if (core === undefined) return;
    await Promise.all(this.#playing().map(({ participant: { pid } }) => keepToCore(pid, core)));
  }

  /** How many (an even number, or one), and how long: the same for all, by the slowest of them. */
  #turns(): { readonly turns: number; readonly turnMs: number } {
    const { of, measureMs } = this.#settings;
    // A stall is felt by all that were due meanwhile: arrivals must not pause.
    if (of.arrivalsPerSecond !== undefined) return { turns: 1, turnMs: measureMs };
    const longestMs = (AT_MOST_TIMES_AS_LONG * measureMs) / FEWEST_TURNS;
    const needed = this.#playing().map(({ warmUp }) => {
      const { operations, seconds } = sumOf(warmUp.slice(-FEWEST_TURNS));
      return operations === 0 ? SHORTEST_TURN_MS : (OPERATIONS_PER_CALLER * of.inFlight * seconds * 1000) / operations;
    });
    const turnMs = Math.min(longestMs, Math.max(SHORTEST_TURN_MS, ...needed));
    return { turns: Math.max(FEWEST_TURNS, 2 * Math.ceil(measureMs / turnMs / 2)), turnMs };
  }

  async #playInTurn(order: readonly Seat[], ms: number): Promise<void> {
    const { targetPid } = this.#settings;
    for (const seat of order) {
      if (seat.participant.isStuck) continue;
      await this.#unlessItDies(seat, async () => {
        const before = targetPid === undefined ? 0 : (cpuSecondsOf(targetPid) ?? 0);
        await seat.participant.play({ ms, counts: true });
        const after = targetPid === undefined ? 0 : (cpuSecondsOf(targetPid) ?? 0);
        seat.targetSeconds += after - before;
      });
    }
  }

  #playing(): Seat[] {
    return this.#seats.filter(({ died, participant }) => died === undefined && !participant.isStuck);
  }

  async #unlessItDies(seat: Seat, act: () => Promise<void>): Promise<void> {
    if (seat.died !== undefined) return;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof CandidateDied)) throw error;
      seat.died = error;
    }
  }
}

function resultOf(
  { participant: { slices }, warm, targetSeconds }: Seat,
  report: Report,
  pid: number | undefined,
): Result {
  const { seconds } = sumOf(slices);
  const targetCores = pid === undefined || seconds === 0 ? undefined : targetSeconds / seconds;
  return { report, slices, unsteady: warm !== "steady", targetCores };
}
