/**
 * Bodies that can be read once only, and how they are sent a second time all the same.
 *
 * A file is opened again at its start, a Blob is read again. Of any other stream what has been read is kept, up to a
 * limit, and the second sending begins with it and goes on where the first one stopped. Text and bytes need nothing.
 */

import { createReadStream, ReadStream } from "node:fs";
import { Readable } from "node:stream";
import { ReadableStream } from "node:stream/web";
import { KeptBytes, SMALLEST_CHUNK_BYTES } from "./kept-bytes.js";

/** The body of one request, for as long as the request lasts. */
export interface Body {
  /** The body for the first sending. */
  first(): unknown;
  /** Ends the reading for the first sending. False when more has been read than was kept, and there is no second one. */
  rewind(): boolean;
  /** The body for the second sending. */
  again(): unknown;
  /** The request is over: lets go of what has not been read. */
  release(): void;
}

export type Stream = Blob | Readable | ReadableStream;

/** True for what an SDK client cannot simply send a second time. */
export function isStream(value: unknown): value is Stream {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof Readable || value instanceof ReadableStream || value instanceof Blob;
}

export function bodyOf(stream: Stream, replayBufferBytes: number): Body | Promise<Body> {
  if (stream instanceof Blob) return blobBody(stream, replayBufferBytes);
  if (stream instanceof ReadStream && givesTheSameAgain(stream)) return fileBody(stream);
  return new RecordedBody(stream, replayBufferBytes);
}

/** True when its path, opened again, gives what it gives: unread, not decoded; made of a descriptor it has no path. */
function givesTheSameAgain({ path, bytesRead, readableEncoding }: ReadStream): boolean {
  return path !== undefined && bytesRead === 0 && readableEncoding === null;
}

/** The SDK takes no Blobs on Node.js; a small one becomes bytes, a large one is streamed. */
async function blobBody(blob: Blob, replayBufferBytes: number): Promise<Body> {
  const bytes = blob.size <= replayBufferBytes ? new Uint8Array(await blob.arrayBuffer()) : undefined;
  const read = () => bytes ?? Readable.fromWeb(blob.stream() as ReadableStream);
  return { first: read, rewind: () => true, again: read, release: () => {} };
}

function fileBody(file: ReadStream): Body {
  // What `createReadStream` was told; the types leave it out: https://github.com/nodejs/node/blob/v20.x/lib/internal/fs/streams.js
  const { path, start, end } = file as ReadStream & { readonly start?: number; readonly end?: number };
  let current = file;
  return {
    first: () => current,
    rewind: () => true,
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

/**
 * The first sending's chunks are kept as they are read. From {@link RecordedBody.rewind} on nothing more is kept, because
 * there is no third sending.
 */
class RecordedBody implements Body {
  readonly #source: AsyncIterator<Uint8Array | string>;
  readonly #kept: KeptBytes;
  #sending = 1;
  /** The chunk that is being read. */
  #reading: Promise<IteratorResult<Uint8Array>> | undefined;
  /** The chunk that was being read at the time of the rewind: it belongs behind what is kept. */
  #carried: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(stream: Readable | ReadableStream, limit: number) {
    this.#kept = new KeptBytes(limit);
    this.#source = (stream as AsyncIterable<Uint8Array | string>)[Symbol.asyncIterator]();
  }

  first(): Readable {
    return Readable.from(this.#fresh(1), { objectMode: false });
  }

  rewind(): boolean {
    if (this.#kept.overflowed) return false;
    this.#sending = 2;
    this.#carried = this.#reading;
    return true;
  }

  again(): Readable {
    return Readable.from(this.#keptThenFresh(), { objectMode: false });
  }

  release(): void {
    this.#sending = 3;
    this.#kept.clear();
    void this.#source.return?.().catch(() => {});
  }

  async *#keptThenFresh(): AsyncGenerator<Uint8Array> {
    /** The end of what is kept, where it is too small to be a chunk of its own with more behind it. */
    let tail: Uint8Array | undefined;
    for (let index = 0; ; index++) {
      const block = this.#kept.block(index);
      if (block === undefined) break;
      if (block.byteLength < SMALLEST_CHUNK_BYTES) tail = block;
      else yield block;
    }
    this.#kept.clear();
    for await (const chunk of this.#carriedThenFresh()) {
      yield tail === undefined ? chunk : Buffer.concat([tail, chunk]);
      tail = undefined;
    }
    if (tail !== undefined) yield tail;
  }

  async *#carriedThenFresh(): AsyncGenerator<Uint8Array> {
    const { value, done } = (await this.#carried) ?? {};
    if (done === true) return;
    if (value !== undefined) yield value;
    yield* this.#fresh(2);
  }

  async *#fresh(sending: 1 | 2): AsyncGenerator<Uint8Array> {
    while (sending === this.#sending) {
      this.#reading ??= this.#read();
      const { value, done } = await this.#reading;
      // The second sending has begun meanwhile: it has this chunk.
      if (done === true || sending !== this.#sending) return;
      yield value;
    }
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    try {
      const { value, done } = await this.#source.next();
      if (done === true) return { value: undefined, done };
      const chunk = typeof value === "string" ? Buffer.from(value) : value;
      if (this.#sending === 1) this.#kept.add(chunk);
      return { value: chunk, done: false };
    } finally {
      // In the same moment as the keeping, so that a chunk is either kept or being read, never both.
      this.#reading = undefined;
    }
  }
}
