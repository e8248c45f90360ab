/**
 * One request on its way, as the replay's middlewares know it: they hand it on with the SDK's own arguments.
 *
 * The SDK's context would not do: clients with `cacheMiddleware` have one for all requests of a command.
 */

import type { Body } from "./body.js";

export interface Replay {
  /** The access key id that the refused request was signed with. */
  readonly accessKeyId: string;
  /** What the service said: `ExpiredToken`, `RequestTimeTooSkewed`. */
  readonly reason: string;
  /** The SDK's name of the operation: `PutObjectCommand`. */
  readonly command: string;
}

export class Exchange {
  /** Absent for what can simply be sent again. */
  readonly body: Body | undefined;
  /** Set as soon as the request is sent once more. */
  replay: Replay | undefined;
  /** When it was refused, on the network's monotonic scale, as long as its replay has not ended. */
  refusedAt: number | undefined;
  /** The headers of the request as it is sent; a rotation may have come between the asking and the signing. */
  headers: Readonly<Record<string, string | undefined>> = {};
  /** Epoch milliseconds. */
  sentAt = 0;

  constructor(body?: Body) {
    this.body = body;
  }

  /** The access key id that the request was last signed with; undefined when it was not signed. */
  get accessKeyId(): string | undefined {
    return /Credential=([^/,\s]+)\//.exec(this.headers.authorization ?? "")?.[1];
  }
}

const EXCHANGE = Symbol("evertoken.exchange");

/** The arguments of a middleware, with the exchange that they belong to. */
export function carrying<A extends object>(args: A, exchange: Exchange): A {
  return { ...args, [EXCHANGE]: exchange };
}

export function exchangeOf(args: object): Exchange | undefined {
  return (args as { readonly [EXCHANGE]?: Exchange })[EXCHANGE];
}
