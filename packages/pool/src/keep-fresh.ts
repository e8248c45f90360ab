/** Only the replay, for a client of the user's own. */

import { type Clock, createEvents, type EventSource, systemClock } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import type { MetadataBearer, Pluggable } from "@smithy/types";
import type { AwsClient } from "./aws-types.js";
import { DEFAULT_REPLAY_BUFFER_BYTES } from "./options.js";
import { type ReplayEvents, replayPlugin } from "./replay.js";

export interface KeepFreshOptions {
  /** How much of a stream is kept so that it can be sent again, in bytes a request. Default 1,048,576. */
  readonly replayBufferBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** For `client.middlewareStack.use(…)`, and the way to hear of what it does. */
export type KeepFreshPlugin = Pluggable<object, MetadataBearer> & EventSource<ReplayEvents>;

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
  options: KeepFreshOptions = {},
): EventSource<ReplayEvents> {
  const plugin = keepFreshPlugin(keeper, options);
  client.middlewareStack.use(plugin);
  return plugin;
}

/**
 * The same as a plugin.
 *
 * @example
 * s3.middlewareStack.use(keepFreshPlugin(keeper));
 */
export function keepFreshPlugin(
  keeper: Keeper,
  { clock = systemClock, replayBufferBytes = DEFAULT_REPLAY_BUFFER_BYTES }: KeepFreshOptions = {},
): KeepFreshPlugin {
  const events = createEvents<ReplayEvents>();
  // The SDK corrects the clock of the one client itself, as soon as it sees the refusal.
  const learnSkew = () => {};
  return { ...replayPlugin({ keeper, clock, events, replayBufferBytes, learnSkew }), on: events.on };
}
