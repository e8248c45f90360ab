/**
 * One client of a pool, from its creation to its end: what it is doing and how it has done. It knows nothing of the pool
 * and of the other members.
 */

import type { AwsClient } from "./aws-types.js";
import { Latency, type LatencyStats } from "./latency.js";

export interface MemberCounts {
  /** Requests and leases since the start, those under way included. */
  readonly sent: number;
  /** Of these, how many ended with an error. */
  readonly failed: number;
  /** Requests that were sent once more with other credentials. */
  readonly replayed: number;
  /** Answers that mean stale credentials and reached a caller. */
  readonly surfaced: number;
}

export interface MemberStats extends MemberCounts {
  /** Counts up over the life of the pool; never used twice. */
  readonly id: number;
  /** Requests and leases under way. */
  readonly inFlight: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** Times it was kept from requests because it failed where the others did not. */
  readonly ejected: number;
  /** Whether it is kept from requests now, unless it is the only one. */
  readonly isEjected: boolean;
  /** For how much longer, in milliseconds; 0 when it is not. */
  readonly ejectedForMs: number;
  readonly latency: LatencyStats;
}

export interface MemberLife {
  readonly id: number;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** On the clock's monotonic scale. */
  readonly retireAt: number;
}

export class Member<C extends AwsClient> {
  readonly id: number;
  readonly createdAt: number;
  readonly retireAt: number;
  /** Undefined until it is first needed. */
  client: C | undefined;
  readonly counts = { sent: 0, failed: 0, replayed: 0, surfaced: 0, ejected: 0 };
  readonly latency = new Latency();
  inFlight = 0;
  /** On the clock's monotonic scale. */
  lastUsedAt: number;
  /** Failures in a row that are this client's or the service's, not the caller's. */
  failuresInARow = 0;
  /** Of the present interval. */
  recent = { good: 0, bad: 0 };
  /** How long the next ejection will last, in units of the first; falls by one with each interval that goes well. */
  ejectionFactor = 0;
  /** On the clock's monotonic scale: until then it gets no requests. */
  ejectedUntil = Number.NEGATIVE_INFINITY;

  constructor({ id, createdAt, retireAt }: MemberLife, now: number) {
    this.id = id;
    this.createdAt = createdAt;
    this.retireAt = retireAt;
    this.lastUsedAt = now;
  }

  /** @param now on the clock's monotonic scale. */
  stats(now: number): MemberStats {
    const { id, inFlight, createdAt, counts, ejectedUntil, latency } = this;
    return Object.freeze({
      id,
      inFlight,
      createdAt,
      ...counts,
      isEjected: ejectedUntil > now,
      ejectedForMs: Math.max(0, ejectedUntil - now),
      latency: latency.stats(),
    });
  }
}
