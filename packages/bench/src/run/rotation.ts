/**
 * The rotation case: half an hour of an instance's life on a clock that runs fast, in which its credentials rotate, are
 * revoked before their end, and IMDS becomes slow just when they have to be fetched anew. Callers go on writing at a
 * steady rate; what they feel is told by when they felt it.
 *
 * Each measurement has a world of its own, the same for each candidate: same seed, same credentials, same instants.
 */

import { LatencyHistogram } from "./histogram.js";
import type { Outcome } from "./player.js";

/** Simulated seconds per real one. Sockets are not faster on a fast clock, so this is as fast as slow answers allow. */
export const SPEED = 200;

const MINUTE_MS = 60_000;

/** The shortest that EC2 hands out are longer; the end, and what leads to it, is what matters here. */
export const LIFETIME_MS = 15 * MINUTE_MS;

/** Others are there five minutes before the end, as EC2 promises. */
export const ROTATION_MS = 10 * MINUTE_MS;

const LENGTH_MS = 28 * MINUTE_MS;

/** When other credentials are handed out, give or take the 3 % by which EC2 does not rotate by the stroke. */
const ROTATES_AT_MINUTES = [10, 20];

/** How long the case is measured, in real time. */
export const MEASURE_MS = LENGTH_MS / SPEED;

/** What is done to the world, by minutes of its clock after the measured time began. */
export const REVOKED_AT_MINUTES = 13;
export const SLOW_IMDS_MINUTES = { from: 19, to: 24 };
/** Three requests of this much, one after the other, are three minutes of the clock: less than the five that SDKs leave themselves. */
export const SLOW_IMDS_DELAY_MS = 300;

/** A stretch of the world's clock, from its start, around something that happens to the credentials. */
interface StressPeriod {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Around a moment that makes a refresh necessary, this is when it may be felt. */
const FELT_BEFORE_MS = MINUTE_MS;
const FELT_AFTER_MS = 2 * MINUTE_MS;

const STRESS_PERIODS: readonly StressPeriod[] = [
  ...[...ROTATES_AT_MINUTES, REVOKED_AT_MINUTES].map((minute) => ({
    fromMs: minute * MINUTE_MS - FELT_BEFORE_MS,
    toMs: minute * MINUTE_MS + FELT_AFTER_MS,
  })),
  { fromMs: SLOW_IMDS_MINUTES.from * MINUTE_MS, toMs: SLOW_IMDS_MINUTES.to * MINUTE_MS },
];

/** Sorts what callers felt by whether something was happening to the credentials. */
export class RotationObserver {
  readonly #around = new LatencyHistogram();
  readonly #elsewhere = new LatencyHistogram();
  #beganMs = 0;
  #failed = 0;
  #lastGoodMs = 0;
  #longestOutageMs = 0;

  begin(nowMs: number): void {
    this.#beganMs = nowMs;
    this.#lastGoodMs = nowMs;
  }

  note({ dueMs, endedMs, failed }: Outcome): void {
    if (failed) {
      this.#failed += 1;
      this.#longestOutageMs = Math.max(this.#longestOutageMs, endedMs - this.#lastGoodMs);
      return;
    }
    this.#longestOutageMs = Math.max(this.#longestOutageMs, endedMs - this.#lastGoodMs);
    this.#lastGoodMs = endedMs;
    const at = (dueMs - this.#beganMs) * SPEED;
    const isAround = STRESS_PERIODS.some(({ fromMs, toMs }) => at >= fromMs && at < toMs);
    (isAround ? this.#around : this.#elsewhere).record((endedMs - dueMs) * 1000);
  }

  felt(): Record<string, number> {
    return {
      failed: this.#failed,
      p99AroundMs: p99Ms(this.#around),
      p99ElsewhereMs: p99Ms(this.#elsewhere),
      // In minutes of the world's clock: what it would have been on an instance.
      longestOutageMinutes: round((this.#longestOutageMs * SPEED) / MINUTE_MS),
    };
  }
}

function p99Ms(histogram: LatencyHistogram): number {
  const buckets = histogram.buckets();
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let left = Math.ceil(total * 0.99);
  for (const [upToUs, count] of buckets) {
    left -= count;
    if (left <= 0) return round(upToUs / 1000);
  }
  return 0;
}

const round = (number: number) => Math.round(number * 1000) / 1000;
