/** How things are said on a page: lengths of time, how often, and never a secret. */

import { describeError } from "@evertoken/core";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `40 seconds`, `12 minutes`, `4 h 40 min`, `3 days 4 h`. */
export function spoken(ms: number): string {
  if (ms < 2 * MINUTE_MS) return counted(Math.round(ms / SECOND_MS), "second");
  if (ms < 2 * HOUR_MS) return counted(Math.round(ms / MINUTE_MS), "minute");
  if (ms < 2 * DAY_MS) {
    const minutes = Math.round(ms / MINUTE_MS);
    return twoParts(`${Math.floor(minutes / 60)} h`, minutes % 60, "min");
  }
  const hours = Math.round(ms / HOUR_MS);
  return twoParts(`${Math.floor(hours / 24)} days`, hours % 24, "h");
}

function twoParts(larger: string, rest: number, unit: string): string {
  return rest === 0 ? larger : `${larger} ${rest} ${unit}`;
}

/** `1 request`, `38 requests`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`;
}

const LONGEST_REASON = 300;

/**
 * Secret access keys have 40 characters of this kind, tokens hundreds. Errors of ours hold none; a source may be anybody's code.
 * Paths have their slashes further apart than this is long.
 */
const LIKE_A_SECRET = /[A-Za-z0-9+/=]{40,}/g;

/** Text that came from elsewhere, short and without anything that could be a secret. */
export function harmless(text: string): string {
  const masked = text.replace(LIKE_A_SECRET, "(not shown)");
  return masked.length <= LONGEST_REASON ? masked : `${masked.slice(0, LONGEST_REASON)}…`;
}

export function reasonOf(error: unknown): string {
  return harmless(describeError(error));
}

type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without the fields that have no value, as they are in JSON. */
export function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
