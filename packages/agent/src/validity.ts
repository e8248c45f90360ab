/**
 * How long credentials must still live to be handed out, and when fresher ones are looked for: pure functions.
 */

import { jittered, type Random } from "@evertoken/core";

const MINUTE_MS = 60_000;

/**
 * Nothing is handed out with less: clients that read again every 300 s only, like aws-sdk-cpp 1.8.187, would go on with it
 * past its end.
 */
export const LEAST_REMAINING_MS = 5 * MINUTE_MS;

/**
 * Over the IMDS protocol botocore takes what ends within 15 to 25 minutes for an IMDS that is down, and uses it past its
 * true end (botocore #2670, aws-sdk-java-v2 #3142): five minutes before that comes about, fresher ones are looked for.
 */
const LOOK_AHEAD_MS = 30 * MINUTE_MS;

/** How often to look while the source has nothing fresher. */
const LOOK_AGAIN_MS = MINUTE_MS;

/** With this much left, or less, fresher credentials are looked for. Never all the time, however short they live. */
export function lookAheadMs(lifetimeMs: number): number {
  return Math.min(LOOK_AHEAD_MS, lifetimeMs / 2);
}

export function lookAgainMs(random: Random): number {
  return jittered(LOOK_AGAIN_MS, 0.1, random);
}

export function mayBeHandedOut(remainingMs: number): boolean {
  return remainingMs >= LEAST_REMAINING_MS;
}
