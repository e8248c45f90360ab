/**
 * The session token of IMDSv2: one for the whole process, whatever the number of clients.
 *
 * It is renewed two minutes before its end, with one request in flight however many wait. A token that is still good
 * goes on being used when the renewal fails. A failure is never remembered: who asks next, asks IMDS again. There is no
 * way back to IMDSv1: an SDK that took one failed token request for "no token needed" is how the ExpiredToken bug
 * began (aws-sdk-cpp #2282).
 */

import type { Clock, Secret } from "@evertoken/core";

/** Renew this long before the end: a request that starts now may still be on its way then. */
const RENEW_AHEAD_MS = 120_000;

export interface GrantedToken {
  readonly token: Secret;
  readonly ttlSeconds: number;
}

interface HeldToken {
  readonly token: Secret;
  readonly expiresAt: number;
}

export class SessionTokenHolder {
  readonly #clock: Clock;
  #held: HeldToken | undefined;
  #flight: Promise<Secret> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Until when the token held is good, in epoch milliseconds. */
  get expiresAt(): number | undefined {
    return this.#held?.expiresAt;
  }

  /** @param ask makes the token request; used only when a new token is needed and none is on its way. */
  async get(ask: () => Promise<GrantedToken>): Promise<Secret> {
    const held = this.#held;
    if (held !== undefined && this.#remaining(held) > RENEW_AHEAD_MS) return held.token;
    this.#flight ??= this.#renew(ask).finally(() => {
      this.#flight = undefined;
    });
    if (held === undefined || this.#remaining(held) <= 0) return this.#flight;
    return this.#flight.catch(() => held.token);
  }

  /** IMDS refused this token: it is not used again. A newer one stays. */
  invalidate(token: Secret): void {
    if (this.#held?.token === token) this.#held = undefined;
  }

  async #renew(ask: () => Promise<GrantedToken>): Promise<Secret> {
    // Its life is counted from before the request: the answer may have been on its way for a while.
    const askedAt = this.#clock.now();
    const { token, ttlSeconds } = await ask();
    this.#held = { token, expiresAt: askedAt + ttlSeconds * 1000 };
    return token;
  }

  #remaining(held: HeldToken): number {
    return held.expiresAt - this.#clock.now();
  }
}

const holders = new WeakMap<Clock, Map<string, SessionTokenHolder>>();

/** The one holder of this process for an endpoint and token lifetime. Clients on different clocks share nothing. */
export function sharedSessionToken(clock: Clock, endpoint: string, ttlSeconds: number): SessionTokenHolder {
  const ofClock = holders.get(clock) ?? new Map<string, SessionTokenHolder>();
  holders.set(clock, ofClock);
  const key = `${ttlSeconds} ${endpoint}`;
  const holder = ofClock.get(key) ?? new SessionTokenHolder(clock);
  ofClock.set(key, holder);
  return holder;
}
