/** A clock that is wrong: another one, so many milliseconds off. Its pauses are those of the other. */

import type { Clock, Pauses, Timer } from "@evertoken/core";

export class ShiftedClock implements Clock {
  readonly #right: Clock;
  #offMs = 0;

  constructor(right: Clock) {
    this.#right = right;
  }

  get offMs(): number {
    return this.#offMs;
  }

  /** On top of what it is off already. */
  shift(byMs: number): void {
    this.#offMs += byMs;
  }

  now(): number {
    return this.#right.now() + this.#offMs;
  }

  monotonic(): number {
    return this.#right.monotonic();
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return this.#right.sleep(ms, signal);
  }

  setTimer(ms: number, fn: () => void): Timer {
    return this.#right.setTimer(ms, fn);
  }

  get network(): Pauses {
    return this.#right.network;
  }
}
