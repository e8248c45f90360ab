/** Only the replay, for a client of the user's own. */

import { type Clock, createEvents, type EventSource, systemClock } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import type { AwsClient } from "./aws-types.js";
import { type ReplayEvents, replayPlugin } from "./replay.js";

/**
 * Makes a client replay requests that a service refused because its credentials are stale. The client must take its
 * credentials from the same Keeper.
 *
 * @example
 * const s3 = new S3Client({ credentials: keeper.provider });
 * keepFresh(s3, keeper).on("replayed", ({ reason }) => log.info({ reason }, "replayed"));
 */
export function keepFresh(
  client: Pick<AwsClient, "middlewareStack">,
  keeper: Keeper,
  { clock = systemClock }: { readonly clock?: Clock } = {},
): EventSource<ReplayEvents> {
  const events = createEvents<ReplayEvents>();
  client.middlewareStack.use(replayPlugin(keeper, clock, events));
  return events;
}
