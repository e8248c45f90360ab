/**
 * Puts durations aside and records many of them in one go. Recording one costs the SDK a microsecond when it does nothing else,
 * and several in the midst of other work, which a request of the fast lane would feel.
 */

import type { Attributes } from "@opentelemetry/api";

const MOST = 512;

export class Batch {
  readonly #record: (seconds: number, labels: Attributes) => void;
  #seconds: number[] = [];
  #labels: Attributes[] = [];

  constructor(record: (seconds: number, labels: Attributes) => void) {
    this.#record = record;
  }

  add(seconds: number, labels: Attributes): void {
    this.#seconds.push(seconds);
    if (this.#labels.push(labels) >= MOST) this.record();
  }

  /** Records what was put aside. */
  record(): void {
    const [seconds, labels] = [this.#seconds, this.#labels];
    [this.#seconds, this.#labels] = [[], []];
    seconds.forEach((value, index) => {
      this.#record(value, labels[index] ?? {});
    });
  }
}
