/**
 * Puts durations aside and records many of them in one go. Recording one costs the SDK a microsecond when it does nothing else,
 * and several in the midst of other work, which a request of the fast lane would feel.
 */

import type { Attributes, Histogram } from "@opentelemetry/api";

const MOST = 512;

export class Batch {
  readonly #histogram: Histogram;
  #seconds: number[] = [];
  #labels: Attributes[] = [];

  constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  series(labels: Attributes): { record(seconds: number): void } {
    return { record: (seconds) => this.#add(seconds, labels) };
  }

  /** Records what was put aside. */
  record(): void {
    const [seconds, labels] = [this.#seconds, this.#labels];
    [this.#seconds, this.#labels] = [[], []];
    seconds.forEach((value, index) => {
      this.#histogram.record(value, labels[index] ?? {});
    });
  }

  #add(seconds: number, labels: Attributes): void {
    this.#seconds.push(seconds);
    if (this.#labels.push(labels) >= MOST) this.record();
  }
}
