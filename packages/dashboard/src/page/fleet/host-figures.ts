/** One host over time: what its charts and its ribbon show, asked of Prometheus and put into the shape of a live one. */

import type { LiveGeneration, LiveKeeper } from "@evertoken/telemetry/live";
import { answerKind, type Bucket, emptyBucket } from "../live/history.js";
import type { Range } from "../live/ranges.js";
import { type Labels, query, queryRange, type Series, type Span, selector, type Value } from "./prometheus.js";

export interface HostFigures {
  readonly from: number;
  readonly to: number;
  readonly barMs: number;
  readonly bars: readonly Bucket[];
  readonly keepers: readonly LiveKeeper[];
  readonly members: readonly { readonly pool: string; readonly state: string; readonly count: number }[];
}

/** Scrapes are up to a minute apart: shorter bars would stay empty. */
const LEAST_BAR_MS = 60_000;
/** A rate needs two scrapes. */
const LEAST_WINDOW_MS = 150_000;

interface Question {
  readonly expression: (labels: string, window: string) => string;
  readonly put: (bar: Bucket, value: number, labels: Labels) => void;
  /** How much of it falls into a bar, where the window is wider. */
  readonly isCount: boolean;
}

const count = (expression: Question["expression"], put: Question["put"]): Question => ({
  expression,
  put,
  isCount: true,
});
const length = (expression: Question["expression"], put: Question["put"]): Question => ({
  expression,
  put,
  isCount: false,
});

const quantile = (q: number, metric: string) => (labels: string, window: string) =>
  `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket${labels}[${window}]))) * 1000`;

const QUESTIONS: readonly Question[] = [
  length(
    (labels) => `min(evertoken_outage_survival_seconds${labels}) * 1000`,
    (bar, value) => {
      bar.survivalMs = value;
    },
  ),
  count(
    (labels, window) => `sum by (status) (increase(evertoken_imds_requests_total${labels}[${window}]))`,
    (bar, value, { status = "none" }) => {
      bar.answers[answerKind(status)] += value;
    },
  ),
  count(
    (labels, window) =>
      `sum by (outcome) (increase(evertoken_pool_request_duration_seconds_count${labels}[${window}]))`,
    (bar, value, { outcome }) => {
      bar.requests += value;
      if (outcome === "failed") bar.failures += value;
    },
  ),
  count(
    (labels, window) => `sum by (outcome) (increase(evertoken_pool_stale_answers_total${labels}[${window}]))`,
    (bar, value, { outcome }) => {
      if (outcome === "surfaced") bar.surfaced += value;
      else bar.replays += value;
    },
  ),
  length(quantile(0.5, "evertoken_pool_request_duration_seconds"), (bar, value) => {
    bar.requestP50Ms = value;
  }),
  length(quantile(0.99, "evertoken_pool_request_duration_seconds"), (bar, value) => {
    bar.requestP99Ms = value;
  }),
  length(quantile(0.5, "evertoken_refresh_duration_seconds"), (bar, value) => {
    bar.refreshMs = value;
  }),
];

export async function askHost(host: Labels, range: Range, now: number, signal: AbortSignal): Promise<HostFigures> {
  const barMs = Math.max(LEAST_BAR_MS, range.barMs);
  const to = Math.ceil(now / barMs) * barMs;
  const span: Span = { from: to - range.lengthMs, to, stepMs: barMs };
  const labels = selector(host);
  const windowMs = Math.max(LEAST_WINDOW_MS, barMs);
  const window = `${windowMs / 1000}s`;
  const series = Promise.all(QUESTIONS.map(({ expression }) => queryRange(expression(labels, window), span, signal)));
  const newest = (name: string) => query(`${name}${labels}`, signal);
  const [answers, taken, ends, states, skews, members] = await Promise.all([
    series,
    queryRange(`evertoken_credentials_received_timestamp_seconds${labels}`, span, signal),
    queryRange(`evertoken_credentials_expiration_timestamp_seconds${labels}`, span, signal),
    newest("evertoken_keeper_state"),
    newest("evertoken_clock_skew_seconds"),
    newest("evertoken_pool_members"),
  ]);
  const bars = barsOf(answers, span, Math.min(1, barMs / windowMs));
  return {
    from: span.from,
    to,
    barMs,
    bars,
    keepers: keepersIn(taken, ends, states, skews),
    members: members.map(({ labels: { pool = "", state = "" }, value }) => ({ pool, state, count: value })),
  };
}

/** A value at an instant tells of the time before it. */
function barsOf(answers: readonly (readonly Series[])[], { from, to, stepMs }: Span, share: number): Bucket[] {
  const bars = Array.from({ length: Math.round((to - from) / stepMs) }, (_, index) =>
    emptyBucket(from + index * stepMs),
  );
  for (const [index, all] of answers.entries()) {
    const question = QUESTIONS[index];
    for (const { labels, points } of all) {
      for (const [at, value] of points) {
        const bar = bars[Math.round((at - from) / stepMs) - 1];
        if (bar === undefined || question === undefined || !Number.isFinite(value)) continue;
        question.put(bar, question.isCount ? value * share : value, labels);
        bar.heard = true;
      }
    }
  }
  return bars;
}

/** Each other instant of receipt was another generation. */
function keepersIn(
  taken: readonly Series[],
  ends: readonly Series[],
  states: readonly Value[],
  skews: readonly Value[],
): LiveKeeper[] {
  return taken.map(({ labels, points }) => {
    const { keeper = "", source = "" } = labels;
    const own = ends.find(({ labels: other }) => other.keeper === keeper && other.source === source);
    const endAt = new Map(own?.points);
    const generations = new Map<number, LiveGeneration>();
    for (const [at, seconds] of points) {
      if (generations.has(seconds)) continue;
      const end = endAt.get(at);
      const known = { generation: generations.size + 1, accessKeyId: "", takenAt: seconds * 1000 };
      generations.set(seconds, end === undefined ? known : { ...known, expiresAt: end * 1000 });
    }
    const isOwn = ({ labels: other }: Value) => other.keeper === keeper;
    return {
      name: keeper,
      source,
      state: states.find((value) => isOwn(value) && value.value === 1)?.labels.state ?? "unknown",
      skewMs: (skews.find(isOwn)?.value ?? 0) * 1000,
      generations: [...generations.values()].sort((a, b) => a.takenAt - b.takenAt),
    };
  });
}
