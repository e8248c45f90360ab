/** Tells what happened: keeps the history and writes it into the errors of a Keeper. */

import { describeError } from "@evertoken/core";
import { CredentialsRejectedError, CredentialsUnavailableError } from "./errors.js";
import type { Held } from "./held.js";
import { History, type HistoryEntry, instant, lineOf } from "./history.js";
import type { Refresh, RefreshOutcome } from "./keeper.js";

/** What an answer without other credentials is called. */
const TOLD: Readonly<Record<Exclude<RefreshOutcome, "rotated" | "failed">, string>> = {
  unchanged: "the same credentials again",
  staler: "credentials that end sooner, not taken",
  refused: "credentials that a service has refused, not taken",
};

/** How much of the history stands in a message; the whole of it is the error's `timeline`. */
const LINES_IN_MESSAGE = 6;

export class Story {
  readonly #history = new History();
  /** When the credentials held were taken: told even after troubles enough to push it out of the history. */
  #taken: HistoryEntry | undefined;

  get entries(): readonly HistoryEntry[] {
    return this.#history.entries;
  }

  noteRejection(accessKeyId: string, reason: string, at: number): void {
    this.#history.note(`a service rejected ${accessKeyId}: ${reason}`, at);
  }

  /** The watch seeing the same again is no news. */
  noteRefresh({ at, outcome, error, trigger }: Refresh, held: Held | undefined): void {
    if (outcome === "rotated") {
      if (held === undefined) return;
      const until = Number.isFinite(held.expiresAt) ? `, good until ${instant(held.expiresAt)}` : "";
      this.#history.note(`took generation ${held.generation} (${held.identity.accessKeyId})${until}`, at);
      this.#taken = this.#history.entries.at(-1);
    } else if (outcome === "failed") this.#history.note(`refresh failed: ${describeError(error)}`, at);
    else if (outcome !== "unchanged" || trigger !== "fresh") this.#history.note(`refresh brought ${TOLD[outcome]}`, at);
  }

  unavailable(source: string, last: Refresh | undefined): CredentialsUnavailableError {
    const cause = last?.error;
    const why =
      cause !== undefined
        ? describeError(cause)
        : last?.outcome === "refused"
          ? "it offers only credentials that a service has refused"
          : "it has not answered yet";
    const timeline = this.#timeline();
    return new CredentialsUnavailableError(`no credentials from ${source}: ${why}`, { cause, timeline });
  }

  /** @param cause the service's error, where it is known. */
  rejected(
    source: string,
    held: Held | undefined,
    last: Refresh | undefined,
    cause: unknown,
  ): CredentialsRejectedError {
    const outcome =
      last?.outcome === "failed"
        ? `which failed: ${describeError(last.error)}`
        : "which has no others to offer: its role may be detached or its rotation stuck";
    return new CredentialsRejectedError(
      `a service refused the credentials ${held?.identity.accessKeyId} as stale, and there were no others in time. ` +
        `Asked was ${source}, ${outcome}. It is asked again in the background; check also that this host's clock is ` +
        `right. Before: ${this.#timeline(LINES_IN_MESSAGE).join("; ")}.`,
      { cause: cause ?? last?.error, timeline: this.#timeline() },
    );
  }

  /** A line each, oldest first: the last `most`, and before them when the credentials held were taken. */
  #timeline(most = Number.POSITIVE_INFINITY): string[] {
    const entries = this.entries.slice(-most);
    const taken = this.#taken === undefined || entries.includes(this.#taken) ? [] : [this.#taken];
    return [...taken, ...entries].map(lineOf);
  }
}
