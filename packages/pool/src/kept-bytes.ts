/**
 * What has been read of a stream, kept for a second sending: at most so many bytes of memory, whatever the stream's
 * chunks are like. They are copied, because a chunk of a few bytes may hold on to a large buffer, and a million chunks of
 * one byte are a hundred megabytes of objects.
 */

/** S3 takes a smaller chunk of `aws-chunked` for nothing but the last one (`InvalidChunkSizeError`). */
export const SMALLEST_CHUNK_BYTES = 8192;

/** Small bodies must not cost much more than they are; large ones need few steps. */
const FIRST_BLOCK_BYTES = SMALLEST_CHUNK_BYTES;
const LARGEST_BLOCK_BYTES = 65_536;

export class KeptBytes {
  readonly #limit: number;
  #blocks: Buffer[] = [];
  /** Of the last block. */
  #used = 0;
  #room: number;
  #overflowed = false;

  /** @param limit bytes of memory at most. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#room = limit;
  }

  /** True when more was to be kept than the limit allows; nothing is kept from then on. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  add(chunk: Uint8Array): void {
    const left = (this.#blocks.at(-1)?.length ?? 0) - this.#used + this.#room;
    this.#overflowed ||= chunk.byteLength > left;
    if (this.#overflowed) {
      this.clear();
      return;
    }
    for (let rest = chunk; rest.byteLength > 0; ) {
      const block = this.#blockWithRoom();
      const part = rest.subarray(0, block.length - this.#used);
      block.set(part, this.#used);
      this.#used += part.byteLength;
      rest = rest.subarray(part.byteLength);
    }
  }

  /** The bytes of one block; undefined behind the last one. What is added later may make the last one longer. */
  block(index: number): Uint8Array | undefined {
    const block = this.#blocks[index];
    return index === this.#blocks.length - 1 ? block?.subarray(0, this.#used) : block;
  }

  clear(): void {
    this.#blocks = [];
    this.#used = 0;
    this.#room = this.#limit;
  }

  #blockWithRoom(): Buffer {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#used < last.length) return last;
    const wanted = Math.min(Math.max((last?.length ?? 0) * 2, FIRST_BLOCK_BYTES), LARGEST_BLOCK_BYTES);
    // Not from Node.js's pool, which would hold on to eight kilobytes for each.
    const block = Buffer.allocUnsafeSlow(Math.min(wanted, this.#room));
    this.#blocks.push(block);
    this.#used = 0;
    this.#room -= block.length;
    return block;
  }
}
