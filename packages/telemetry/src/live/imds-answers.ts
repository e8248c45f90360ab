/** Requests to IMDS by what became of them: statuses that IMDS is known to answer, `other`, and `no answer`. */

import { imdsStatus } from "../labels.js";

export class ImdsAnswers {
  readonly #total: Record<string, number> = {};
  #since: Record<string, number> = {};

  /** @param status undefined when there was no answer. */
  note(status: number | undefined): void {
    const answer = status === undefined ? "no answer" : imdsStatus(status);
    this.#total[answer] = (this.#total[answer] ?? 0) + 1;
    this.#since[answer] = (this.#since[answer] ?? 0) + 1;
  }

  get total(): Readonly<Record<string, number>> {
    return { ...this.#total };
  }

  /** Since the last call. */
  take(): Readonly<Record<string, number>> {
    const since = this.#since;
    this.#since = {};
    return since;
  }
}
