/**
 * When credentials count as what, and when the source is asked again: the Keeper's table as pure functions.
 *
 * `L` is the lifetime of the credentials (expiration − time of receipt), `R` the time left. The windows are those that
 * AWS is giving its SDKs in 2026 (aws-sdk-java-v2 #7109, smithy-rs #4796, aws-sdk-cpp #3930).
 */

import { backOff, jittered, type Random } from "@evertoken/core";

const MINUTE_MS = 60_000;

export type Freshness = "fresh" | "advisory" | "mandatory" | "expired";

export interface Windows {
  /** R at or below this: refresh in the background. */
  readonly advisoryMs: number;
  /** R at or below this: callers wait a moment for the refresh. */
  readonly mandatoryMs: number;
}

/** Callers that start a request now may still be signing in a minute: do not let them start with less. */
const MANDATORY_MS = MINUTE_MS;

/** @param lifetimeMs L. The window is jittered so that the hosts of a fleet do not ask at the same moment. */
export function windowsFor(lifetimeMs: number, random: Random): Windows {
  const advisoryMs =
    lifetimeMs <= 20 * MINUTE_MS ? 5 * MINUTE_MS : lifetimeMs < 90 * MINUTE_MS ? 15 * MINUTE_MS : 60 * MINUTE_MS;
  return { advisoryMs: jittered(advisoryMs, 0.1, random), mandatoryMs: MANDATORY_MS };
}

/** @param remainingMs R; infinite for credentials that do not expire. */
export function judge(remainingMs: number, { advisoryMs, mandatoryMs }: Windows): Freshness {
  if (remainingMs <= 0) return "expired";
  if (remainingMs <= mandatoryMs) return "mandatory";
  if (remainingMs <= advisoryMs) return "advisory";
  return "fresh";
}

/** How long until {@link judge} gives another answer. */
export function untilNextFreshness(remainingMs: number, { advisoryMs, mandatoryMs }: Windows): number {
  for (const boundary of [advisoryMs, mandatoryMs, 0]) {
    if (remainingMs > boundary) return remainingMs - boundary;
  }
  return Number.POSITIVE_INFINITY;
}

export type KeeperState = "empty" | "rejected" | Freshness;

/** Often enough to hold credentials with hours left when an outage begins; twelve small requests an hour. */
const WATCH_INTERVAL_MS = 5 * MINUTE_MS;

/**
 * How long to wait before asking the source again, in milliseconds.
 * @param fruitless how many answers in a row brought nothing better: failures, and the same credentials again.
 */
export function askAgainIn(state: KeeperState, fruitless: number, watchable: boolean, random: Random): number {
  switch (state) {
    case "fresh":
      return watchable ? jittered(WATCH_INTERVAL_MS, 0.1, random) : Number.POSITIVE_INFINITY;
    case "advisory":
      return (1 + 4 * random()) * MINUTE_MS;
    case "mandatory":
      return backOff(fruitless, { baseMs: 500, maxMs: 10_000, random });
    case "rejected":
      // Every caller fails until there are others, so the pace stays brisk.
      return backOff(fruitless, { baseMs: 250, maxMs: 10_000, random });
    case "empty":
    case "expired":
      return Math.min(
        backOff(fruitless, { baseMs: 1000, maxMs: 64 * MINUTE_MS, random }),
        (5 + 5 * random()) * MINUTE_MS,
      );
  }
}
