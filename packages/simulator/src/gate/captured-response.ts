/**
 * A response that reaches nobody yet: a service writes into it as into any other, and what it wrote is taken as one
 * answer. Only used for requests that a fault strikes, so that services need not know of faults.
 */

import { type IncomingMessage, type OutgoingHttpHeader, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Answer } from "./answer.js";

export class CapturedResponse extends ServerResponse {
  readonly #real: ServerResponse;
  readonly #done: (answer: Answer) => void;
  readonly #chunks: Buffer[] = [];

  /** @param done called with the answer, once, when the service has ended it. */
  constructor(incoming: IncomingMessage, real: ServerResponse, done: (answer: Answer) => void) {
    super(incoming);
    this.#real = real;
    this.#done = done;
    real.once("close", () => this.emit("close"));
  }

  override writeHead(statusCode: number, reason?: unknown, headers?: unknown): this {
    this.statusCode = statusCode;
    const given = (typeof reason === "string" ? headers : reason) as
      | OutgoingHttpHeaders
      | readonly string[]
      | undefined;
    for (const [name, value] of pairsOf(given ?? {})) {
      if (value !== undefined) this.setHeader(name, value);
    }
    return this;
  }

  override writeContinue(callback?: () => void): void {
    this.#real.writeContinue(callback);
  }

  override flushHeaders(): void {}

  override write(chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
    this.#take(chunk, encoding);
    const after = typeof encoding === "function" ? encoding : callback;
    if (typeof after === "function") process.nextTick(after as () => void);
    return true;
  }

  override end(chunk?: unknown, encoding?: unknown, callback?: unknown): this {
    if (this.finished) return this;
    const after = [chunk, encoding, callback].find((argument) => typeof argument === "function");
    if (typeof chunk !== "function") this.#take(chunk, encoding);
    this.finished = true;
    const headers = Object.entries(this.getHeaders()).map(([name, value]) => [name, String(value)]);
    this.#done({
      status: this.statusCode,
      headers: Object.fromEntries(headers),
      body: Buffer.concat(this.#chunks),
    });
    process.nextTick(() => {
      this.emit("finish");
      if (typeof after === "function") after();
    });
    return this;
  }

  override destroy(error?: Error): this {
    this.#real.destroy(error);
    return this;
  }

  #take(chunk: unknown, encoding: unknown): void {
    if (chunk === undefined || chunk === null || chunk === "") return;
    this.#chunks.push(
      typeof chunk === "string"
        ? Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8")
        : Buffer.from(chunk as Uint8Array),
    );
  }
}

/** Headers come as an object, or as a list of names and values in turns. */
function pairsOf(
  given: OutgoingHttpHeaders | readonly string[],
): [name: string, value: OutgoingHttpHeader | undefined][] {
  if (!Array.isArray(given)) return Object.entries(given);
  return Array.from({ length: given.length / 2 }, (_, pair) => [given[2 * pair], given[2 * pair + 1]]);
}
