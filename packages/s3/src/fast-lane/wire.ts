/**
 * Sending a request and receiving its answer, straight on undici's dispatcher: the body whole for small answers, as a
 * stream for downloads.
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { Download } from "./download.js";
import type { SignedRequest } from "./signed-request.js";
import { expectedOf } from "./validation.js";

export interface Answer {
  readonly statusCode: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array | Download;
}

export interface Sending {
  readonly abortSignal: AbortSignal | undefined;
  /** For this request instead of the dispatcher's own, in milliseconds. */
  readonly requestTimeout: number | undefined;
  /** Hands the body of a success to the caller as it comes. */
  readonly streams: boolean;
  /** Checks what is streamed against the checksum that comes with it. */
  readonly validates: boolean;
}

/** @throws undici's errors, and the signal's reason when it aborts. */
export function sendOnWire(dispatcher: Dispatcher, request: SignedRequest, sending: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { requestTimeout, abortSignal } = sending;
    // Else undici would give it a connection, only to end that.
    if (abortSignal?.aborted) {
      reject(abortSignal.reason);
      return;
    }
    const { origin, method, path, body } = request;
    const options = {
      origin,
      method: method as Dispatcher.HttpMethod,
      path,
      headers: request.headers as string[],
      body: body ?? null,
    };
    dispatcher.dispatch(
      requestTimeout === undefined
        ? options
        : { ...options, headersTimeout: requestTimeout, bodyTimeout: requestTimeout },
      new Receiver(sending, resolve, reject),
    );
  });
}

const NOTHING = new Uint8Array();

class Receiver implements Dispatcher.DispatchHandler {
  readonly #sending: Sending;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  #onAbort: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #statusCode = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Uint8Array[] | undefined;
  #download: Download | undefined;

  constructor(sending: Sending, resolve: (answer: Answer) => void, reject: (error: unknown) => void) {
    this.#sending = sending;
    this.#resolve = resolve;
    this.#reject = reject;
    const { abortSignal } = sending;
    if (abortSignal === undefined) return;
    // Who gives up while there is no connection yet need not wait for one.
    this.#onAbort = () =>
      this.#controller === undefined ? reject(abortSignal.reason) : this.#controller.abort(abortSignal.reason);
    abortSignal.addEventListener("abort", this.#onAbort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    const { abortSignal } = this.#sending;
    if (abortSignal?.aborted) controller.abort(abortSignal.reason);
  }

  onResponseStart(controller: Dispatcher.DispatchController, statusCode: number, headers: IncomingHttpHeaders): void {
    if (statusCode < 200) return;
    this.#statusCode = statusCode;
    this.#headers = headers;
    if (!this.#sending.streams || statusCode >= 300) return;
    this.#download = new Download(controller, this.#sending.validates ? expectedOf(headers) : undefined);
    this.#resolve({ statusCode, headers, body: this.#download });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#download === undefined) {
      this.#chunks ??= [];
      this.#chunks.push(chunk);
    } else if (!this.#download.receive(chunk)) {
      controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#forgetAbort();
    if (this.#download !== undefined) {
      this.#download.receiveEnd();
      return;
    }
    const chunks = this.#chunks;
    const body =
      chunks === undefined ? NOTHING : chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks);
    this.#resolve({ statusCode: this.#statusCode, headers: this.#headers, body });
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#forgetAbort();
    if (this.#download !== undefined) {
      this.#download.receiveError(error);
      return;
    }
    if (this.#statusCode === 0) {
      this.#reject(error);
      return;
    }
    // It has answered, and what became of the body is for who reads it to find: that is not retried for the same reasons.
    const broken = new Download(controller, undefined);
    broken.receiveError(error);
    this.#resolve({ statusCode: this.#statusCode, headers: this.#headers, body: broken });
  }

  #forgetAbort(): void {
    if (this.#onAbort !== undefined) this.#sending.abortSignal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }
}
