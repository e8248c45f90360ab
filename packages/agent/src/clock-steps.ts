/**
 * Notices that this host's wall clock was set to another time: it and the monotonic clock no longer run side by side. Looked at with
 * each request, so that what is judged by the wall clock is judged anew before it is answered. A machine that slept looks like one
 * whose clock was set forward.
 */

import type { Clock } from "@evertoken/core";

export interface ClockStep {
  /** When it was noticed, by the clock as it is since, in epoch milliseconds. */
  readonly at: number;
  /** Forward, or back when negative. */
  readonly byMs: number;
}

/** Clocks that are only slowed down or sped up drift by less between two requests a minute apart; the skew that counts is measured in seconds. */
const LEAST_STEP_MS = 2000;

export class ClockSteps {
  readonly #clock: Pick<Clock, "now" | "monotonic">;
  readonly #onStep: (step: ClockStep) => void;
  /** How far apart the two clocks are. */
  #apart: number;
  #last: ClockStep | undefined;

  constructor(clock: Pick<Clock, "now" | "monotonic">, onStep: (step: ClockStep) => void) {
    this.#clock = clock;
    this.#onStep = onStep;
    this.#apart = clock.now() - clock.monotonic();
  }

  get last(): ClockStep | undefined {
    return this.#last;
  }

  look(): void {
    const at = this.#clock.now();
    const apart = at - this.#clock.monotonic();
    const byMs = Math.round(apart - this.#apart);
    this.#apart = apart;
    if (Math.abs(byMs) < LEAST_STEP_MS) return;
    this.#last = Object.freeze({ at, byMs });
    this.#onStep(this.#last);
  }
}
