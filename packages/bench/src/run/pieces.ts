/** Cuts time into equal pieces and counts what was done in each, and what it cost. */

import type { Slice } from "../record.js";

export class Pieces {
  readonly done: Slice[] = [];
  readonly #lengthMs: number;
  #from: number;
  #boundary: number;
  #operations = 0;
  #cpuFrom: number;

  constructor(lengthMs: number, fromMs: number) {
    this.#lengthMs = lengthMs;
    this.#from = fromMs;
    this.#boundary = fromMs + lengthMs;
    this.#cpuFrom = ownCpuSeconds();
  }

  /**
   * Counts an operation that ended now. A piece ends with the first operation beyond its boundary, so that it holds whole
   * operations, which matters where they are few.
   * @returns whether a piece ended with it.
   */
  count(nowMs: number): boolean {
    this.#operations += 1;
    if (nowMs < this.#boundary) return false;
    this.#cut(nowMs);
    return true;
  }

  /** Ends a piece in which nothing ended. @returns whether it did. */
  tick(nowMs: number): boolean {
    if (nowMs < this.#boundary + this.#lengthMs) return false;
    this.#cut(nowMs);
    return true;
  }

  #cut(nowMs: number): void {
    const cpu = ownCpuSeconds();
    this.done.push({
      seconds: (nowMs - this.#from) / 1000,
      operations: this.#operations,
      cpuSeconds: cpu - this.#cpuFrom,
    });
    const passed = Math.floor((nowMs - this.#boundary) / this.#lengthMs) + 1;
    this.#boundary += passed * this.#lengthMs;
    this.#from = nowMs;
    this.#operations = 0;
    this.#cpuFrom = cpu;
  }
}

/** CPU time of this process, user and system, all its threads. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
