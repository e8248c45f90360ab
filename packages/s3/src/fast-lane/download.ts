/**
 * The body of a download: a stream that lets the socket wait while nobody reads, checks the bytes against the checksum
 * that came with them, and ends with an error when they differ or the connection breaks.
 */

import { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import type { Expected } from "./validation.js";

/** What who reads listens for. */
const READING = ["error", "data", "readable"] as const;

export class Download extends Readable {
  readonly #controller: Dispatcher.DispatchController;
  readonly #expected: Expected | undefined;
  #isOver = false;
  /** All bytes have come, and are what they should be. */
  #isWhole = false;

  constructor(controller: Dispatcher.DispatchController, expected: Expected | undefined) {
    super();
    this.#controller = controller;
    this.#expected = expected;
  }

  /** @returns false when the reader has enough for now. */
  receive(chunk: Buffer): boolean {
    // undici hands on empty chunks of no memory, and of these zlib's crc32 begins anew: it takes them for Z_NULL.
    if (chunk.byteLength === 0) return true;
    this.#expected?.checksum.update(chunk);
    return this.push(chunk);
  }

  receiveEnd(): void {
    this.#isOver = true;
    const expected = this.#expected;
    if (expected === undefined) {
      this.#end();
      return;
    }
    const received = expected.checksum.digest();
    if (typeof received === "string") this.#endIfRight(expected, received);
    else
      received.then(
        (text) => this.#endIfRight(expected, text),
        (error) => this.#fail(error),
      );
  }

  /** What it consists of, and its end; undefined when it has not all come yet, or somebody reads it otherwise. */
  takeWhole(): Uint8Array[] | undefined {
    const isRead = this.readableFlowing !== null || this.readableDidRead || this.readableEncoding !== null;
    if (!this.#isWhole || isRead || this.destroyed) return undefined;
    const all: Buffer | null = this.read();
    return all === null ? [] : [all];
  }

  receiveError(error: Error): void {
    this.#isOver = true;
    this.#fail(error);
  }

  #end(): void {
    this.#isWhole = true;
    this.push(null);
  }

  #endIfRight({ value, header }: Expected, received: string): void {
    if (received === value) this.#end();
    // In the SDK's words, whoever looks for them finds them in both lanes.
    else
      this.#fail(
        new Error(`Checksum mismatch: expected "${value}" but received "${received}" in response header "${header}".`),
      );
  }

  /** Waits for a reader: an error event that comes before its listener would end the process. */
  #fail(error: Error): void {
    if (READING.some((event) => this.listenerCount(event) > 0)) {
      this.destroy(error);
      return;
    }
    const tell = (event: string | symbol) => {
      if (!READING.some((reading) => reading === event)) return;
      this.off("newListener", tell);
      process.nextTick(() => this.destroy(error));
    };
    this.on("newListener", tell);
  }

  override _read(): void {
    this.#controller.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#controller.abort(error ?? new Error("the reader has left before the end of the body"));
    }
    callback(error);
  }
}
