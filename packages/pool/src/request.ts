/**
 * One request as a pool tells of it. It travels among the options of `send`, so that a client with ways of its own can say
 * which of them it took; only made when somebody listens.
 */

import type { SendOptions } from "./aws-types.js";

/** A request of `send` that has ended. Leases are not told of: what is done with a leased client is its own. */
export interface PoolRequest {
  /** The service, as its SDK calls it: `S3`, `Secrets Manager`; undefined when no client was found for it. */
  readonly service: string | undefined;
  /** As the service calls it: `PutObject`. */
  readonly operation: string;
  /** Which way it went: `sdk`, unless the client has others and said so. */
  readonly lane: string;
  /** From the call to its end, waiting included. */
  readonly durationMs: number;
  /** What it ended with, if it failed. */
  readonly error: unknown;
}

/** What is known of it on its way. */
export interface RequestUnderWay {
  readonly operation: string;
  service: string | undefined;
  lane: string;
}

const REQUEST = Symbol("evertoken.request");

/** Options for a client's `send` with the request among them. */
export function optionsCarrying(options: SendOptions | undefined, request: RequestUnderWay): SendOptions {
  return (options === undefined ? { [REQUEST]: request } : { ...options, [REQUEST]: request }) as SendOptions;
}

/**
 * For a client that has other ways than the SDK's: says which one the request took that came with these options.
 * @param lane one of few names.
 */
export function noteLane(options: SendOptions | undefined, lane: string): void {
  const request = (options as { readonly [REQUEST]?: RequestUnderWay } | undefined)?.[REQUEST];
  if (request !== undefined) request.lane = lane;
}
