/**
 * What a lane did, over time: a bounded number of buckets on several levels, each coarser and further back than the one
 * before, so that a page that is left open for weeks holds no more than one of an hour, and still shows its last minutes
 * second by second.
 */

import type { Sample } from "@evertoken/telemetry/live";

/** Answers of IMDS as the page tells them apart, however many kinds there are. */
export const ANSWER_KINDS = ["200", "401", "other 4xx", "5xx", "no answer"] as const;
export type AnswerKind = (typeof ANSWER_KINDS)[number];

export function answerKind(answer: string): AnswerKind {
  if (answer.startsWith("2") || answer.startsWith("3")) return "200";
  if (answer === "401") return "401";
  if (answer.startsWith("4")) return "other 4xx";
  return answer.startsWith("5") ? "5xx" : "no answer";
}

/** Where nothing was heard, lengths are undefined: a gap. Counts are 0 there. */
export interface Bucket {
  at: number;
  /** The lowest within. */
  survivalMs: number | undefined;
  requests: number;
  failures: number;
  replays: number;
  surfaced: number;
  refreshes: number;
  refreshFailures: number;
  readonly answers: Record<AnswerKind, number>;
  /** The highest within, as are those below. */
  requestP50Ms: number | undefined;
  requestP99Ms: number | undefined;
  refreshMs: number | undefined;
  /** Whether anything was heard. */
  heard: boolean;
}

const COUNTS = ["requests", "failures", "replays", "surfaced", "refreshes", "refreshFailures"] as const;
const HIGHEST = ["requestP50Ms", "requestP99Ms", "refreshMs"] as const;

const SECOND = 1000;
/** A thousand of each are 16 minutes, 83 minutes, 8 hours, 33 hours, 10 days: what the ranges of the charts need. */
const WIDTHS_MS = [SECOND, 5 * SECOND, 30 * SECOND, 120 * SECOND, 900 * SECOND];
const CAPACITY = 1000;
/** Old buckets go in one stroke: shifting an array by one each second costs more. */
const SLACK = 200;

interface Level {
  readonly widthMs: number;
  buckets: Bucket[];
}

export class History {
  readonly #levels: readonly Level[] = WIDTHS_MS.map((widthMs) => ({ widthMs, buckets: [] }));
  #firstAt: number | undefined;
  #lastAt: number | undefined;

  /** Of the earliest and latest sample, whether still kept or not. */
  get firstAt(): number | undefined {
    return this.#firstAt;
  }

  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  add(sample: Sample): void {
    this.#firstAt = Math.min(this.#firstAt ?? sample.at, sample.at);
    this.#lastAt = sample.at;
    for (const level of this.#levels) addTo(level, sample);
  }

  /** Evenly spaced buckets that cover `from` to `to`, also where nothing was heard. */
  between(from: number, to: number, widthMs: number): Bucket[] {
    const first = Math.floor(from / widthMs) * widthMs;
    const bars = Array.from({ length: Math.max(1, Math.ceil((to - first) / widthMs)) }, (_, index) =>
      emptyBucket(first + index * widthMs),
    );
    for (const bucket of this.#covering(first, to)) {
      const bar = bars[Math.floor((bucket.at - first) / widthMs)];
      if (bucket.at >= first && bar !== undefined) merge(bar, bucket);
    }
    return bars;
  }

  /** The finest level that goes back so far. */
  #covering(from: number, to: number): readonly Bucket[] {
    const level = this.#levels.find(({ widthMs }) => widthMs * CAPACITY >= to - from) ?? this.#levels.at(-1);
    return level?.buckets ?? [];
  }
}

function addTo(level: Level, sample: Sample): void {
  const at = Math.floor(sample.at / level.widthMs) * level.widthMs;
  // A clock that was set back tells its hours once more.
  while ((level.buckets.at(-1)?.at ?? Number.NEGATIVE_INFINITY) > at) level.buckets.pop();
  let last = level.buckets.at(-1);
  if (last === undefined || last.at !== at) {
    last = emptyBucket(at);
    level.buckets.push(last);
    if (level.buckets.length > CAPACITY + SLACK) level.buckets = level.buckets.slice(-CAPACITY);
  }
  for (const name of COUNTS) last[name] += sample[name];
  for (const name of HIGHEST) last[name] = higher(last[name], sample[name]);
  last.survivalMs = lower(last.survivalMs, sample.survivalMs);
  for (const [answer, times] of Object.entries(sample.imdsAnswers)) last.answers[answerKind(answer)] += times;
  last.heard = true;
}

function merge(into: Bucket, from: Bucket): void {
  for (const name of COUNTS) into[name] += from[name];
  for (const name of HIGHEST) into[name] = higher(into[name], from[name]);
  into.survivalMs = lower(into.survivalMs, from.survivalMs);
  for (const kind of ANSWER_KINDS) into.answers[kind] += from.answers[kind];
  into.heard ||= from.heard;
}

export function emptyBucket(at: number): Bucket {
  return {
    at,
    survivalMs: undefined,
    requests: 0,
    failures: 0,
    replays: 0,
    surfaced: 0,
    refreshes: 0,
    refreshFailures: 0,
    answers: { "200": 0, "401": 0, "other 4xx": 0, "5xx": 0, "no answer": 0 },
    requestP50Ms: undefined,
    requestP99Ms: undefined,
    refreshMs: undefined,
    heard: false,
  };
}

function higher(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.max(a, b);
}

function lower(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined ? b : b === undefined ? a : Math.min(a, b);
}
