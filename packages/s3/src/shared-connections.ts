/**
 * The connections of a pool: one undici agent behind all of its clients.
 *
 * The SDK's own handler would give each client a set of its own. `client.destroy()` destroys the handler it was given,
 * so each client gets one that leaves the shared agent alone.
 */

import { UndiciHttpHandler } from "@smithy/undici-http-handler";
import { Agent } from "undici";

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
}

export function sharedAgent({ connectTimeoutMs, requestTimeoutMs, maxConnections }: ConnectionSettings): Agent {
  return new Agent({
    connections: maxConnections,
    connect: { timeout: connectTimeoutMs },
    headersTimeout: requestTimeoutMs,
    bodyTimeout: requestTimeoutMs,
    // One request a connection at a time: an answer must never wait behind another.
    pipelining: 1,
  });
}

export class SharedConnectionsHandler extends UndiciHttpHandler {
  constructor(agent: Agent) {
    super({ dispatcher: agent });
  }

  /** The pool ends the agent, when all of its clients are gone. */
  override destroy(): void {}
}
