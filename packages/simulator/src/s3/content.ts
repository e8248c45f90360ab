/**
 * The bytes of objects: written once, as they come, into a stage; then a piece that never changes. A content is one piece
 * or several, one behind the other, so that neither a copy nor a completed upload moves a byte.
 */

import { Readable } from "node:stream";

export interface Piece {
  readonly size: number;
  /** Its name in the data folder; undefined in memory. */
  readonly file: string | undefined;
  /** Bytes from `from` up to, not including, `to`. */
  read(from: number, to: number): readonly Buffer[] | AsyncIterable<Buffer>;
  /** One more that needs it. */
  retain(): void;
  /** One less; with the last one its bytes may go. */
  release(): void;
}

export interface Stage {
  /** @returns what to wait for before more is given, if anything. */
  write(chunk: Buffer): Promise<void> | undefined;
  /** The piece of all that was written, durable if there is a disk. Whoever asks has to release it. */
  finish(): Piece | Promise<Piece>;
  discard(): void;
}

/** Bodies of several chunks up to this size are made one buffer: a chunk keeps more memory alive than it shows. */
const ONE_BUFFER_BYTES = 1 << 20;

export class MemoryStage implements Stage {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  write(chunk: Buffer): undefined {
    this.#size += chunk.length;
    this.#chunks.push(chunk);
  }

  finish(): Piece {
    const isOne = this.#size <= ONE_BUFFER_BYTES && !this.#isAlone();
    return new MemoryPiece(isOne ? [Buffer.concat(this.#chunks)] : this.#chunks, this.#size);
  }

  /** One chunk with its memory to itself, as Node.js gives bodies: it can stay where it is. */
  #isAlone(): boolean {
    const [only, second] = this.#chunks;
    return second === undefined && only !== undefined && only.length === only.buffer.byteLength;
  }

  discard(): void {
    this.#chunks.length = 0;
  }
}

class MemoryPiece implements Piece {
  readonly size: number;
  readonly file = undefined;
  readonly #buffers: readonly Buffer[];

  constructor(buffers: readonly Buffer[], size: number) {
    this.#buffers = buffers;
    this.size = size;
  }

  read(from: number, to: number): readonly Buffer[] {
    if (from === 0 && to === this.size) return this.#buffers;
    const read: Buffer[] = [];
    let at = 0;
    for (const buffer of this.#buffers) {
      if (at < to && at + buffer.length > from) read.push(buffer.subarray(Math.max(0, from - at), to - at));
      at += buffer.length;
    }
    return read;
  }

  retain(): void {}

  release(): void {}
}

export class Content {
  readonly size: number;
  readonly pieces: readonly Piece[];

  constructor(pieces: readonly Piece[]) {
    this.pieces = pieces;
    this.size = pieces.reduce((sum, { size }) => sum + size, 0);
  }

  retain(): void {
    for (const piece of this.pieces) piece.retain();
  }

  release(): void {
    for (const piece of this.pieces) piece.release();
  }

  /** The bytes, if they are in memory: no copies. */
  buffers(from = 0, to = this.size): readonly Buffer[] | undefined {
    const buffers: Buffer[] = [];
    for (const read of this.#reads(from, to)) {
      if (!Array.isArray(read)) return undefined;
      buffers.push(...(read as Buffer[]));
    }
    return buffers;
  }

  /** The bytes one after the other; they stay until the stream has ended, whatever happens to the object. */
  stream(from = 0, to = this.size): Readable {
    this.retain();
    const reads = this.#reads(from, to);
    const bytes = async function* () {
      for (const read of reads) yield* read;
    };
    return Readable.from(bytes(), { objectMode: false }).once("close", () => this.release());
  }

  *#reads(from: number, to: number): Generator<readonly Buffer[] | AsyncIterable<Buffer>> {
    let at = 0;
    for (const piece of this.pieces) {
      const [first, end] = [Math.max(0, from - at), Math.min(piece.size, to - at)];
      if (first < end) yield piece.read(first, end);
      at += piece.size;
    }
  }
}
