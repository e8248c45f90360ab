/**
 * Bodies that can be read once only, and how they are sent a second time all the same.
 *
 * A file is opened again at its start, a Blob is read again. Of any other stream what has been read is kept, up to a
 * limit, and the second sending begins with it and goes on where the first one stopped. Text and bytes need nothing.
 */

import { createReadStream, ReadStream } from "node:fs";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";

/** The body of one request, for as long as the request lasts. */
export interface Body {
  /** The body for the first sending. */
  first(): unknown;
  /** False when more has been read than was kept. */
  readonly canBeReadAgain: boolean;
  /** The body for the second sending; the first one is read no more. */
  again(): unknown;
  /** The request is over: lets go of what has not been read. */
  release(): void;
}

export type Stream = Blob | Readable | ReadableStream;

/** True for what an SDK client cannot simply send a second time. */
export function isStream(value: unknown): value is Stream {
  return value instanceof Readable || value instanceof ReadableStream || value instanceof Blob;
}

export function bodyOf(stream: Stream, replayBufferBytes: number): Body | Promise<Body> {
  if (stream instanceof Blob) return blobBody(stream, replayBufferBytes);
  // Opened again at its start it must give the same, so nothing may have been read of it.
  if (stream instanceof ReadStream && typeof stream.path === "string" && stream.bytesRead === 0)
    return fileBody(stream);
  return new RecordedBody(stream, replayBufferBytes);
}

/** The SDK takes no Blobs on Node.js; a small one becomes bytes, a large one is streamed. */
async function blobBody(blob: Blob, replayBufferBytes: number): Promise<Body> {
  const bytes = blob.size <= replayBufferBytes ? new Uint8Array(await blob.arrayBuffer()) : undefined;
  const read = () => bytes ?? Readable.fromWeb(blob.stream() as ReadableStream);
  return { first: read, again: read, canBeReadAgain: true, release: () => {} };
}

function fileBody(file: ReadStream): Body {
  // What `createReadStream` was told; the types leave it out: https://github.com/nodejs/node/blob/v20.x/lib/internal/fs/streams.js
  const { path, start, end } = file as ReadStream & { readonly start?: number; readonly end?: number };
  let current = file;
  return {
    canBeReadAgain: true,
    first: () => current,
    again: () => {
      current.destroy();
      current = createReadStream(path, {
        ...(start === undefined ? {} : { start }),
        ...(end === undefined ? {} : { end }),
      });
      return current;
    },
    release: () => current.destroy(),
  };
}

class RecordedBody implements Body {
  readonly #limit: number;
  readonly #source: AsyncIterator<Uint8Array | string>;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #overflowed = false;
  #sending = 0;
  /** The chunk that is being read, for whichever sending gets it. */
  #reading: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(stream: Readable | ReadableStream, limit: number) {
    this.#limit = limit;
    this.#source = (stream as AsyncIterable<Uint8Array | string>)[Symbol.asyncIterator]();
  }

  get canBeReadAgain(): boolean {
    return !this.#overflowed;
  }

  first(): Readable {
    return this.again();
  }

  again(): Readable {
    this.#sending += 1;
    return Readable.from(this.#chunks(this.#sending), { objectMode: false });
  }

  release(): void {
    this.#sending += 1;
    this.#kept = [];
    void this.#source.return?.().catch(() => {});
  }

  async *#chunks(sending: number): AsyncGenerator<Uint8Array> {
    for (let index = 0; sending === this.#sending; index++) {
      const kept = this.#kept[index];
      if (kept !== undefined) {
        yield kept;
        continue;
      }
      const { value, done } = await this.#next();
      // Another sending has taken over meanwhile; the chunk is kept for it, or it waits for the same one.
      if (done === true || sending !== this.#sending) return;
      yield value;
    }
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    const { value, done } = await this.#source.next();
    if (done === true) return { value: undefined, done };
    const chunk = typeof value === "string" ? Buffer.from(value) : value;
    this.#keep(chunk);
    return { value: chunk, done: false };
  }

  #keep(chunk: Uint8Array): void {
    this.#keptBytes += chunk.byteLength;
    this.#overflowed ||= this.#keptBytes > this.#limit;
    if (this.#overflowed) this.#kept = [];
    else this.#kept.push(chunk);
  }
}
