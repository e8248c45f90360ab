/**
 * The samples that a chart begins with, evenly spread and bounded: when there is no more room, two and two become one, until one
 * stands for so many ticks that the whole is a day; from then on the oldest makes room.
 */

import type { Sample } from "./state.js";
import { defined } from "./words.js";

const MOST = 720;

/** With a tick a second, two minutes. */
const MOST_TICKS = 128;

export class Samples {
  readonly #most: number;
  #kept: Sample[] = [];
  #ticksEach = 1;
  /** Those that are to become the next one. */
  #open: Sample | undefined;
  #ticksOpen = 0;

  constructor(most = MOST) {
    this.#most = most;
  }

  add(sample: Sample): void {
    this.#open = this.#open === undefined ? sample : joined(this.#open, sample);
    this.#ticksOpen += 1;
    if (this.#ticksOpen < this.#ticksEach) return;
    this.#kept.push(this.#open);
    this.#open = undefined;
    this.#ticksOpen = 0;
    if (this.#kept.length <= this.#most) return;
    if (this.#ticksEach < MOST_TICKS) this.#halve();
    else this.#kept.shift();
  }

  /** Oldest first. */
  all(): readonly Sample[] {
    return this.#open === undefined ? [...this.#kept] : [...this.#kept, this.#open];
  }

  #halve(): void {
    this.#ticksEach *= 2;
    const kept: Sample[] = [];
    for (let index = 0; index + 1 < this.#kept.length; index += 2) {
      kept.push(joined(this.#kept[index] as Sample, this.#kept[index + 1] as Sample));
    }
    // The newest stands alone if their number is odd: it is half of the next.
    this.#open = this.#kept.length % 2 === 1 ? this.#kept.at(-1) : undefined;
    this.#ticksOpen = this.#open === undefined ? 0 : this.#ticksEach / 2;
    this.#kept = kept;
  }
}

/** Two neighbours as one: counts add up; of the rest the worse is kept, so that a spike stays one. */
export function joined(a: Sample, b: Sample): Sample {
  const answers: Record<string, number> = { ...a.imdsAnswers };
  for (const [answer, times] of Object.entries(b.imdsAnswers)) answers[answer] = (answers[answer] ?? 0) + times;
  return defined({
    at: b.at,
    survivalMs: worse(Math.min, a.survivalMs, b.survivalMs),
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    replays: a.replays + b.replays,
    surfaced: a.surfaced + b.surfaced,
    refreshes: a.refreshes + b.refreshes,
    refreshFailures: a.refreshFailures + b.refreshFailures,
    imdsAnswers: answers,
    requestP50Ms: worse(Math.max, a.requestP50Ms, b.requestP50Ms),
    requestP99Ms: worse(Math.max, a.requestP99Ms, b.requestP99Ms),
    refreshMs: worse(Math.max, a.refreshMs, b.refreshMs),
  });
}

function worse(of: (a: number, b: number) => number, a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return of(a, b);
}
