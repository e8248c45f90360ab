/** The one figure that warns hours before: asked for by the metrics and by the page alike. */

import type { KeeperStatus } from "@evertoken/credentials";

/**
 * How long requests would go on to succeed if the source went away now: until the end of what is held, and not at all with
 * nothing held or what a service refuses. Undefined before anybody has asked for credentials; infinite for those without an end.
 */
export function survivalMs({ state, lastRefresh, receivedAt, remainingMs }: KeeperStatus): number | undefined {
  if (state === "empty" || state === "rejected") return lastRefresh === undefined ? undefined : 0;
  if (receivedAt === undefined) return undefined;
  return Math.max(0, remainingMs ?? Number.POSITIVE_INFINITY);
}
