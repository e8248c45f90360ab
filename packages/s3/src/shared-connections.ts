/**
 * The connections of a pool: one undici agent behind all of its clients, and one of Node.js's own for requests that ask
 * before they send (`Expect: 100-continue`), which undici does not do.
 *
 * The SDK's own handler would give each client a set of its own. `client.destroy()` destroys the handler it was given,
 * so each client gets one that leaves the shared connections alone.
 */

import { NodeHttpHandler } from "@smithy/node-http-handler";
import { UndiciHttpHandler } from "@smithy/undici-http-handler";
import { Agent, Client, type Dispatcher, Pool } from "undici";
import { Received } from "./fast-lane/handed-over.js";

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxConnections: number;
  /** Certificates that are trusted, in PEM; undefined: Node.js's own. */
  readonly ca: string | Buffer | readonly (string | Buffer)[] | undefined;
}

export class SharedConnections {
  readonly #agent: Agent;
  readonly #asking: NodeHttpHandler;
  /** The SDK's handler cannot be told whom to trust on a connection that it opens to ask. */
  readonly #asksOverTls: boolean;

  constructor({ connectTimeoutMs, requestTimeoutMs, maxConnections, ca }: ConnectionSettings) {
    const trust = ca === undefined ? {} : { ca: ca as string | Buffer | (string | Buffer)[] };
    this.#agent = new Agent({
      connections: maxConnections,
      connect: { timeout: connectTimeoutMs, ...trust },
      headersTimeout: requestTimeoutMs,
      bodyTimeout: requestTimeoutMs,
      // One request a connection at a time: an answer must never wait behind another.
      pipelining: 1,
      factory: (origin, options) =>
        new Pool(origin, { ...options, factory: (url, ofConnection) => new Connection(url, ofConnection as object) }),
    });
    // It opens a connection for each such request, because it waits for the answer only on one of its own.
    this.#asking = new NodeHttpHandler({
      connectionTimeout: connectTimeoutMs,
      socketTimeout: requestTimeoutMs,
    });
    this.#asksOverTls = ca === undefined;
  }

  /** For requests that need no handler. */
  get dispatcher(): Dispatcher {
    return this.#agent;
  }

  /** For one client. */
  handler(): UndiciHttpHandler {
    return new SharedConnectionsHandler(this.#agent, this.#asking, this.#asksOverTls);
  }

  async destroy(): Promise<void> {
    this.#asking.destroy();
    await this.#agent.destroy();
  }
}

/**
 * One connection. After a request that cannot be written (a header with a control character, say) undici's pool takes the
 * connection for busy and waits for a sign of its own that never comes, so as many such requests as there are connections
 * would stop everybody. One that has nothing to do is not busy.
 *
 * It stays open after a HEAD: undici would close it, because there are servers that answer one with a body (undici #258). A
 * connection on which more comes than was asked for is closed anyway.
 */
class Connection extends Client {
  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const settled = options.method === "HEAD" ? { ...options, reset: false } : options;
    return super.dispatch(settled, handler) || this.stats.size === 0;
  }
}

class SharedConnectionsHandler extends UndiciHttpHandler {
  readonly #asking: NodeHttpHandler;
  readonly #asksOverTls: boolean;

  constructor(agent: Agent, asking: NodeHttpHandler, asksOverTls: boolean) {
    super({ dispatcher: agent });
    this.#asking = asking;
    this.#asksOverTls = asksOverTls;
  }

  override handle(
    ...[request, options]: Parameters<UndiciHttpHandler["handle"]>
  ): ReturnType<UndiciHttpHandler["handle"]> {
    const received = Received.handlerFor(request, options);
    if (received !== undefined) return received.handle(request, options);
    // Bytes can be sent again, so there is nothing to ask; the SDK's own limit is for bodies of any kind.
    const wants = isStream(request.body) && (request.headers.Expect ?? request.headers.expect) === "100-continue";
    if (wants && (this.#asksOverTls || request.protocol === "http:")) return this.#asking.handle(request, options);
    return unlessAborted(super.handle(request, options), options?.abortSignal as AbortSignal | undefined);
  }

  /** The pool ends the connections, when all of its clients are gone. */
  override destroy(): void {}
}

/** undici hears of an abort only once the request has a connection; who gives up need not wait for that. */
function unlessAborted<T>(handling: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return handling;
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    handling.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

function isStream(body: unknown): boolean {
  return typeof body === "object" && body !== null && "pipe" in body;
}
