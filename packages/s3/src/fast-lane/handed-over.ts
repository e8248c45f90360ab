/**
 * What the fast lane has received and does not finish itself: an answer that is no success, a broken connection, a
 * time-out. The SDK lane goes on with it as if it had sent the request and received this: its errors, its retries and
 * their budget, the pool's replay. So there is one place for all of that, and both lanes behave the same by construction.
 */

import type { HttpHandlerOptions, HttpRequest } from "@smithy/types";
import { UndiciHttpHandler } from "@smithy/undici-http-handler";
import type { Dispatcher } from "undici";
import type { Answer } from "./wire.js";

/** Where it travels: among the options of `send`, which the SDK hands on to the request handler. */
const RECEIVED = Symbol("evertoken.received");

export type Outcome = { readonly answer: Answer } | { readonly error: unknown };

export class Received {
  readonly #outcome: Outcome;
  /** The signature that was on the request. */
  readonly #authorization: string;
  #isTaken = false;

  constructor(outcome: Outcome, authorization: string) {
    this.#outcome = outcome;
    this.#authorization = authorization;
  }

  /** Options for the SDK's `send` that make it go on from here. */
  with(options: HttpHandlerOptions | undefined): HttpHandlerOptions {
    return { ...options, [RECEIVED]: this } as HttpHandlerOptions;
  }

  /**
   * The handler that gives what was received, once: the SDK's next attempt is sent.
   * @param request what the SDK would send now.
   */
  static handlerFor(request: HttpRequest, options: HttpHandlerOptions = {}): UndiciHttpHandler | undefined {
    const received = (options as { [RECEIVED]?: Received })[RECEIVED];
    if (received === undefined || received.#isTaken) return undefined;
    received.#isTaken = true;
    // Credentials may have rotated since: whoever asks which ones were refused must hear of those that were.
    request.headers.authorization = received.#authorization;
    return received.#handler();
  }

  /** By the SDK's own handler, so that errors are named and headers joined as it does. */
  #handler(): UndiciHttpHandler {
    const outcome = this.#outcome;
    const dispatcher = {
      request: async () => {
        if ("error" in outcome) throw outcome.error;
        return outcome.answer;
      },
      close: async () => {},
      destroy: async () => {},
    };
    return new UndiciHttpHandler({ dispatcher: dispatcher as unknown as Dispatcher });
  }
}
