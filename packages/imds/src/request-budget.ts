/**
 * How many requests this process may send to IMDS: a token bucket that all of its clients share, so that no loop in
 * anybody's code can throttle the instance. All traffic to link-local services (IMDS, DNS, NTP) shares 1024 packets a
 * second; a request takes several.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html#imds-considerations
 */

import { type Clock, InvalidInputError, type Pauses } from "@evertoken/core";

/** Far below the limit, and far above what a process in order needs (about one request in five minutes). */
const DEFAULT_PER_SECOND = 50;

/** With the four packets of a request on a kept connection this is what the instance would allow all its processes. */
const MOST_PER_SECOND = 200;

let requestsPerSecond = DEFAULT_PER_SECOND;

/**
 * Sets how many requests all IMDS clients of this process together may send a second; as many may be sent at once after a
 * pause. Default 50.
 * @throws InvalidInputError unless it is from 1 to 200: traffic to IMDS shares its limit with the instance's DNS.
 */
export function limitImdsRequests(perSecond: number): void {
  if (perSecond >= 1 && perSecond <= MOST_PER_SECOND) requestsPerSecond = perSecond;
  else {
    const message = `is ${perSecond}: expected requests a second from 1 to ${MOST_PER_SECOND}`;
    throw new InvalidInputError("limitImdsRequests", [{ field: "perSecond", message }]);
  }
}

class RequestBudget {
  readonly #pauses: Pauses;
  #left = requestsPerSecond;
  #countedAt: number;

  constructor(pauses: Pauses) {
    this.#pauses = pauses;
    this.#countedAt = pauses.monotonic();
  }

  /** Resolves when a request may be sent; in order of asking. @throws the signal's reason. */
  async take(signal: AbortSignal | undefined): Promise<void> {
    const now = this.#pauses.monotonic();
    const refilled = ((now - this.#countedAt) / 1000) * requestsPerSecond;
    this.#left = Math.min(requestsPerSecond, this.#left + refilled);
    this.#countedAt = now;
    // Taken at once, so that whoever asks next waits behind us.
    this.#left -= 1;
    if (this.#left >= 0) return;
    try {
      await this.#pauses.sleep((-this.#left / requestsPerSecond) * 1000, signal);
    } catch (error) {
      // Nothing was sent: a loop that gives up and asks again must not put everybody else off for ever.
      this.#left += 1;
      throw error;
    }
  }
}

const budgets = new WeakMap<Clock, RequestBudget>();

/** The one budget of this process. Clients on different clocks, as only tests have them, share nothing. */
export function requestBudget(clock: Clock): RequestBudget {
  const budget = budgets.get(clock) ?? new RequestBudget(clock.network);
  budgets.set(clock, budget);
  return budget;
}
