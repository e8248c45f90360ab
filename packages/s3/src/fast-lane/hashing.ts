/**
 * Hashing of large bodies beside the event loop. SHA-256 and CRC32 of 1 MiB take 0.8 ms, three quarters of what the
 * request costs and a time in which nothing else happens; in a thread it takes as long, and the loop writes other bodies.
 *
 * The thread sees bodies in memory that is used again and again: copying into that takes 50 µs for 1 MiB. (Web Crypto, which
 * has threads as well, copies into new memory each time, and having the kernel provide that takes as long as hashing.)
 */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Clock } from "@evertoken/core";

export interface Hashes {
  /** In hexadecimal. */
  readonly sha256: string;
  /** Undefined when it was not asked for. */
  readonly crc32: number | undefined;
}

/** A part of a body in the shared memory. */
export interface Piece {
  readonly start: number;
  readonly length: number;
  readonly wantsCrc32: boolean;
  readonly isLast: boolean;
}

/** What the thread says of a piece. */
export type Answered = Hashes | undefined;

/** What it says first. */
export const READY = "ready";

/** Smaller ones are hashed in less time than two threads need to tell each other something, twice over. */
const LARGE_BYTES = 256 * 1024;

/** A thread is worth its 10 MB and 30 ms for who sends that much in a second, a hundredth of what it can hash. */
const BUSY_BYTES = 8 * 1024 * 1024;
const BUSY_MS = 1000;

/** What is hashed is in one half of the memory while what comes next is copied into the other. */
const PLACES = 2;
const PLACE_BYTES = 1024 * 1024;

interface Waiting {
  readonly body: Uint8Array;
  readonly wantsCrc32: boolean;
  readonly resolve: (hashes: Hashes | undefined) => void;
  /** How much of it is in the memory, or was. */
  handed: number;
}

/** Starts a thread once it is worth one. */
export class Hashing {
  readonly #clock: Clock;
  #thread: HashingThread | undefined;
  #isOff = availableParallelism() < 2;
  #busySince = Number.NEGATIVE_INFINITY;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Undefined, or a promise of it, for a body that is better hashed where it is: a small one, one of few, and where there
   * is no thread to be had.
   */
  of(body: Uint8Array, wantsCrc32: boolean): Promise<Hashes | undefined> | undefined {
    if (this.#isOff || body.byteLength < LARGE_BYTES) return undefined;
    if (this.#thread !== undefined) return this.#thread.hash(body, wantsCrc32);
    const now = this.#clock.monotonic();
    if (now - this.#busySince > BUSY_MS) {
      this.#busySince = now;
      this.#bytes = 0;
    }
    this.#bytes += body.byteLength;
    if (this.#bytes >= BUSY_BYTES) this.#thread = new HashingThread();
    return undefined;
  }

  async close(): Promise<void> {
    this.#isOff = true;
    await this.#thread?.end();
  }
}

export class HashingThread {
  readonly #memory = new Uint8Array(new SharedArrayBuffer(PLACES * PLACE_BYTES));
  /** Of which some is still to be copied. */
  readonly #toCopy: Waiting[] = [];
  /** Which are in the memory, or were; answered in this order. */
  readonly #toAnswer: Waiting[] = [];
  #worker: Worker | undefined;
  #isReady = false;
  #place = 0;
  #free = PLACES;

  constructor(script = new URL("./hashing-thread.js", import.meta.url)) {
    try {
      this.#worker = new Worker(script, {
        workerData: this.#memory.buffer,
        name: "evertoken-hashing",
        // Whatever else is loaded into the process's threads has no business in this one.
        execArgv: [],
        env: {},
        // It allocates next to nothing.
        resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
      });
    } catch {
      // Not allowed, by Node.js's permissions for example: bodies are hashed where they are.
      return;
    }
    this.#worker.on("message", (said: typeof READY | Answered) => this.#hear(said));
    this.#worker.on("error", () => this.#giveUp());
    this.#worker.on("exit", () => this.#giveUp());
    this.#worker.unref();
  }

  /** Undefined as long as, and as soon as, there is no thread; so it may resolve, too. */
  hash(body: Uint8Array, wantsCrc32: boolean): Promise<Hashes | undefined> | undefined {
    if (!this.#isReady) return undefined;
    return new Promise((resolve) => {
      // Who waits for it must not be left by an ending process.
      if (this.#toCopy.length + this.#toAnswer.length === 0) this.#worker?.ref();
      this.#toCopy.push({ body, wantsCrc32, resolve, handed: 0 });
      this.#feed();
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #feed(): void {
    for (let next = this.#toCopy[0]; next !== undefined && this.#free > 0; next = this.#toCopy[0]) {
      const { body, wantsCrc32, handed } = next;
      const bytes = body.subarray(handed, handed + PLACE_BYTES);
      const start = this.#place * PLACE_BYTES;
      this.#memory.set(bytes, start);
      this.#place = (this.#place + 1) % PLACES;
      this.#free -= 1;
      next.handed += bytes.byteLength;
      // Also when somebody has taken the memory of the body away meanwhile.
      const isLast = next.handed >= body.byteLength;
      if (isLast) this.#toAnswer.push(this.#toCopy.shift() as Waiting);
      this.#worker?.postMessage({ start, length: bytes.byteLength, wantsCrc32, isLast } satisfies Piece);
    }
  }

  #hear(said: typeof READY | Answered): void {
    if (said === READY) {
      this.#isReady = true;
      return;
    }
    this.#free += 1;
    if (said !== undefined) this.#toAnswer.shift()?.resolve(said);
    this.#feed();
    if (this.#toCopy.length + this.#toAnswer.length === 0) this.#worker?.unref();
  }

  #giveUp(): void {
    this.#isReady = false;
    this.#worker = undefined;
    for (const { resolve } of [...this.#toAnswer.splice(0), ...this.#toCopy.splice(0)]) resolve(undefined);
  }
}
