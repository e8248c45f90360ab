/**
 * Requests that wait until a client has room for them: first come, first served, each with its own deadline and its
 * caller's way out. Nobody waits behind somebody who has left.
 */

import type { Pauses, Timer } from "@evertoken/core";
import { PoolOverloadedError } from "./errors.js";

interface Waiting<T> {
  readonly go: (served: T) => void;
  readonly leave: (reason: unknown) => void;
}

export interface WaitingLineSettings {
  /** How many may wait. */
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
}

/** @typeParam T what those in the line wait for. */
export class WaitingLine<T> {
  readonly #settings: WaitingLineSettings;
  readonly #pauses: Pauses;
  /** In their order: a Set keeps it, and lets go of one in the middle at no cost. */
  readonly #waiting = new Set<Waiting<T>>();

  constructor(settings: WaitingLineSettings, pauses: Pauses) {
    this.#settings = settings;
    this.#pauses = pauses;
  }

  get length(): number {
    return this.#waiting.size;
  }

  /**
   * Resolves with what {@link serve} gives to this one.
   * @throws PoolOverloadedError when too many wait already, or when it takes too long.
   * @throws the signal's reason when it aborts.
   */
  join(signal: AbortSignal | undefined): Promise<T> {
    const { maxQueue, queueTimeoutMs } = this.#settings;
    if (this.#waiting.size >= maxQueue) return Promise.reject(queueFull(maxQueue));
    return new Promise((resolve, reject) => {
      let timer: Timer | undefined;
      const onAbort = () => waiting.leave(signal?.reason);
      const over = () => {
        this.#waiting.delete(waiting);
        timer?.cancel();
        signal?.removeEventListener("abort", onAbort);
      };
      const waiting: Waiting<T> = {
        go: (served) => {
          over();
          resolve(served);
        },
        leave: (reason) => {
          over();
          reject(reason);
        },
      };
      this.#waiting.add(waiting);
      timer = this.#pauses.setTimer(queueTimeoutMs, () => waiting.leave(waitedTooLong(queueTimeoutMs)));
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Serves the one who has waited longest. */
  serve(served: T): void {
    const [first] = this.#waiting;
    first?.go(served);
  }

  /** Sends the one who has waited longest away. */
  refuse(reason: unknown): void {
    const [first] = this.#waiting;
    first?.leave(reason);
  }

  /** Sends everybody away. */
  disperse(reason: unknown): void {
    for (const waiting of [...this.#waiting]) waiting.leave(reason);
  }
}

function queueFull(maxQueue: number): PoolOverloadedError {
  return new PoolOverloadedError(
    "POOL_QUEUE_FULL",
    `every client is at its maxInFlight and ${maxQueue} requests wait already (maxQueue): send less at a time, or raise ` +
      "size, maxInFlight or maxQueue. Nothing was sent.",
  );
}

function waitedTooLong(queueTimeoutMs: number): PoolOverloadedError {
  return new PoolOverloadedError(
    "POOL_QUEUE_TIMEOUT",
    `no client had room for the request within ${queueTimeoutMs} ms (queueTimeoutMs): the service is slower than the ` +
      "load, or size and maxInFlight are too small for it. Nothing was sent.",
  );
}
