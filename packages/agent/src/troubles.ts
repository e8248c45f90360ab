/**
 * What the agent cannot do at the moment although it serves: a file that takes no more, say. Kept until it is over, for
 * status and health; the log has the beginning and the end.
 */

import { type Clock, describeError } from "@evertoken/core";
import type { AgentLog } from "./log.js";

export interface Trouble {
  /** `the log`, `the state file`, `authorization tokens`, `agent.json`. */
  readonly about: string;
  /** In epoch milliseconds. */
  readonly since: number;
  readonly error: string;
}

export class Troubles {
  readonly #clock: Pick<Clock, "now">;
  readonly #log: AgentLog;
  readonly #current = new Map<string, Trouble>();

  constructor(clock: Pick<Clock, "now">, log: AgentLog) {
    this.#clock = clock;
    this.#log = log;
  }

  get current(): readonly Trouble[] {
    return [...this.#current.values()];
  }

  /** @param what is said of it when it begins: `the state file cannot be written`. */
  note(about: string, what: string, error: unknown): void {
    if (this.#current.has(about)) return;
    const trouble = { about, since: this.#clock.now(), error: describeError(error) };
    this.#current.set(about, trouble);
    this.#log.warn(what, { error: trouble.error });
  }

  over(about: string): void {
    if (this.#current.delete(about)) this.#log.info(`${about} can be written again`);
  }
}
