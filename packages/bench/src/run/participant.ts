/** One candidate in one case of one round: the run's side of the process that measures. */

import { once } from "node:events";
import { systemClock } from "@evertoken/core";
import type { Slice } from "../record.js";
import { Forked } from "./forked.js";
import type { Turn } from "./player.js";
import type { FromMeasuring, Report, Task, ToMeasuring } from "./protocol.js";

/** Importing an SDK, on a machine that is busy. */
const OPENING_MS = 30_000;

/** For an operation that never ends, and the end of the client. */
const PATIENCE_MS = 15_000;

/** The process that measured ended early, hung, or could not open its client: the candidate takes no further part. */
export class CandidateDied extends Error {
  override readonly name = "CandidateDied";
}

type TurnToPlay = Omit<Extract<ToMeasuring, { say: "turn" }>, "say">;

export class Participant {
  readonly #process: Forked<ToMeasuring, FromMeasuring>;
  readonly #task: Task;
  readonly #signal: AbortSignal;
  /** The turns that counted, in order. */
  readonly slices: Slice[] = [];
  #isStuck = false;

  constructor(task: Task, environment: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.#process = new Forked(new URL("./measuring.js", import.meta.url), environment);
    this.#task = task;
    this.#signal = signal;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Some operation never ended: it takes no further turn. */
  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** @throws CandidateDied; the signal's reason when it aborts. So do the others. */
  async open(): Promise<void> {
    await this.#ask({ say: "open", task: this.#task }, "opened", OPENING_MS);
  }

  async play(turn: TurnToPlay): Promise<Turn> {
    const { turn: played } = await this.#ask({ say: "turn", ...turn }, "played", turn.ms + PATIENCE_MS);
    const { seconds, operations, cpuSeconds, isStuck } = played;
    if (turn.counts) this.slices.push({ seconds, operations, cpuSeconds });
    this.#isStuck = isStuck;
    return played;
  }

  async finish(): Promise<Report> {
    return (await this.#ask({ say: "finish" }, "finished", PATIENCE_MS)).report;
  }

  /** Ends the process, whatever it does. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  async #ask<S extends FromMeasuring["say"]>(
    message: ToMeasuring,
    expected: S,
    withinMs: number,
  ): Promise<Extract<FromMeasuring, { say: S }>> {
    this.#signal.throwIfAborted();
    const done = new AbortController();
    const otherwise = (event: Promise<unknown>, what: string) => event.then(() => what).catch(() => what);
    try {
      this.#process.send(message);
      const answer = await Promise.race([
        this.#process.receive(),
        otherwise(systemClock.sleep(withinMs, done.signal), `it was not heard of for ${withinMs / 1000} s`),
        otherwise(once(this.#signal, "abort", { signal: done.signal }), "it was ended"),
      ]);
      if (typeof answer === "string") throw new Error(answer);
      if (answer.say === "failed") throw new Error(answer.why);
      if (answer.say !== expected) throw new Error(`it said ${answer.say} where ${expected} was expected`);
      return answer as Extract<FromMeasuring, { say: S }>;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new CandidateDied(this.#withoutSecrets(error instanceof Error ? error.message : String(error)));
    } finally {
      done.abort();
    }
  }

  /** What a client prints is not ours, and it was told the credentials. */
  #withoutSecrets(text: string): string {
    const { credentials } = this.#task.settings;
    const secrets = [credentials?.secretAccessKey, credentials?.sessionToken].filter((secret) => secret !== undefined);
    return secrets.reduce((said, secret) => said.replaceAll(secret, "(not shown)"), text);
  }
}
