/**
 * How often one client may do what costs somebody something: a request that must go on to IMDS, a token that is wrong. What
 * is answered from memory is not counted, so an honest client with the right token never meets a limit.
 */

import type { Clock } from "@evertoken/core";

interface Bucket {
  tokens: number;
  filledAt: number;
}

/** More clients than this at once are forgotten, longest unseen first: memory stays bounded whoever comes. */
const MAX_CLIENTS = 1024;

const MINUTE_MS = 60_000;

export class RateLimit {
  readonly #clock: Clock;
  readonly #perMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Takes one of the client's turns: 0, or after how many seconds there is one again. */
  take(client: string): number {
    const now = this.#clock.network.monotonic();
    const bucket = this.#buckets.get(client) ?? { tokens: this.#perMinute, filledAt: now };
    this.#buckets.delete(client);
    this.#buckets.set(client, bucket);
    if (this.#buckets.size > MAX_CLIENTS) this.#forgetOldest();
    const perMs = this.#perMinute / MINUTE_MS;
    bucket.tokens = Math.min(this.#perMinute, bucket.tokens + (now - bucket.filledAt) * perMs);
    bucket.filledAt = now;
    if (bucket.tokens >= 1) {
      bucket.tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - bucket.tokens) / perMs / 1000));
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
