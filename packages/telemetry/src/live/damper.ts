/**
 * The same thing over and over is one piece of news: told at once when it begins, then how often it came since, after pauses
 * that double as long as it goes on.
 */

const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 8 * 3_600_000;

/** Different things at a time; the longest unheard of makes room. */
const MOST_KEYS = 64;

export interface Due<T> {
  /** How often it came since it was last told. */
  readonly times: number;
  /** When the first of these was. */
  readonly since: number;
  /** Whether it was told before, a pause ago. */
  readonly isAgain: boolean;
  /** Of the first of these. */
  readonly detail: T;
}

interface Known<T> {
  pending: (Omit<Due<T>, "isAgain" | "times"> & { times: number }) | undefined;
  lastAt: number;
  /** When it may be told again; undefined before it was told at all. */
  nextAt: number | undefined;
  pauseMs: number;
}

export class Damper<T> {
  readonly #known = new Map<string, Known<T>>();

  note(key: string, at: number, detail: T): void {
    const known = this.#known.get(key) ?? {
      pending: undefined,
      lastAt: at,
      nextAt: undefined,
      pauseMs: FIRST_PAUSE_MS,
    };
    known.pending ??= { times: 0, since: at, detail };
    known.pending.times += 1;
    known.lastAt = at;
    this.#known.delete(key);
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_KEYS && oldest !== undefined) this.#known.delete(oldest);
  }

  /** What is to be told at `now`. */
  due(now: number): Due<T>[] {
    const due: Due<T>[] = [];
    for (const [key, known] of this.#known) {
      const { pending, nextAt, pauseMs } = known;
      // A clock that was set back must not silence it for longer than the pause.
      const isDue = nextAt === undefined || now >= nextAt || nextAt - now > pauseMs;
      if (pending !== undefined && isDue) {
        due.push({ ...pending, isAgain: nextAt !== undefined });
        known.pauseMs = nextAt === undefined ? pauseMs : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
        known.nextAt = now + known.pauseMs;
        known.pending = undefined;
      } else if (pending === undefined && now - known.lastAt > 2 * pauseMs) this.#known.delete(key);
    }
    return due;
  }
}
