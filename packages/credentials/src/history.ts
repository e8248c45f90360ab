/**
 * What happened to the credentials, kept short: enough to tell in an error how it came to it, hours after its cause.
 */

/** One thing that happened, or the same thing several times in a row. */
export interface HistoryEntry {
  /** In words: `took generation 3 (ASIA…), good until …`. */
  readonly what: string;
  /** Epoch milliseconds of the first time. */
  readonly at: number;
  /** Of the last time, when there were several. */
  readonly lastAt: number;
  readonly times: number;
}

/** A day of trouble fits: equal things in a row count as one. */
const KEPT = 40;

export class History {
  #entries: readonly HistoryEntry[] = [];

  note(what: string, at: number): void {
    const last = this.#entries.at(-1);
    if (last?.what === what) {
      this.#entries = [...this.#entries.slice(0, -1), Object.freeze({ ...last, lastAt: at, times: last.times + 1 })];
      return;
    }
    this.#entries = [...this.#entries.slice(1 - KEPT), Object.freeze({ what, at, lastAt: at, times: 1 })];
  }

  get entries(): readonly HistoryEntry[] {
    return this.#entries;
  }
}

/** `2026-11-23T12:00:05Z took …`, `2026-11-23T15:00:00Z to 2026-11-23T16:55:00Z (24 ×) refresh failed: …`. */
export function lineOf({ what, at, lastAt, times }: HistoryEntry): string {
  const when = times === 1 ? instant(at) : `${instant(at)} to ${instant(lastAt)} (${times} ×)`;
  return `${when} ${what}`;
}

/** Whole seconds: `2026-11-23T12:00:05Z`. */
export function instant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
