/**
 * How many requests this process may send to IMDS: a token bucket that all of its clients share, so that no loop in
 * anybody's code can throttle the instance. All traffic to link-local services (IMDS, DNS, NTP) shares 1024 packets a
 * second; a request takes several.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html#imds-considerations
 */

import type { Clock, Pauses } from "@evertoken/core";

/** Far below the limit, and far above what a process in order needs (about one request in five minutes). */
const REQUESTS_PER_SECOND = 50;

class RequestBudget {
  readonly #pauses: Pauses;
  #left = REQUESTS_PER_SECOND;
  #countedAt: number;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
    this.#countedAt = pauses.monotonic();
  }

  /** Resolves when a request may be sent; in order of asking. @throws the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#pauses.monotonic();
    const refilled = ((now - this.#countedAt) / 1000) * REQUESTS_PER_SECOND;
    this.#left = Math.min(REQUESTS_PER_SECOND, this.#left + refilled);
    this.#countedAt = now;
    // Taken at once, so that whoever asks next waits behind us.
    this.#left -= 1;
    if (this.#left >= 0) return;
    await this.#pauses.sleep((-this.#left / REQUESTS_PER_SECOND) * 1000, signal);
  }
}

const budgets = new WeakMap<Clock, RequestBudget>();

/** The one budget of this process. Clients on different clocks, as only tests have them, share nothing. */
export function requestBudget(clock: Clock): RequestBudget {
  const budget = budgets.get(clock) ?? new RequestBudget(clock.network);
  budgets.set(clock, budget);
  return budget;
}
