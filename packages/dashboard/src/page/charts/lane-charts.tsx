/** The four charts of a lane, from its history: what IMDS answered, requests, their latency, stale credentials. */

import { ANSWER_KINDS, type AnswerKind, type Bucket } from "../live/history.js";
import { spokenLatency, spokenLength } from "../words/lengths.js";
import { counted, shortCount } from "../words/numbers.js";
import type { Colour } from "./palette.js";
import { Plot, type PlotSeries } from "./plot.js";

export interface Window {
  readonly from: number;
  readonly to: number;
  readonly barMs: number;
}

interface ChartProps {
  readonly bars: readonly Bucket[];
  readonly window: Window;
  readonly top?: number;
}

const sum = (bars: readonly Bucket[], of: (bar: Bucket) => number) => bars.reduce((total, bar) => total + of(bar), 0);

function countSeries(
  bars: readonly Bucket[],
  label: string,
  colour: Colour,
  of: (bar: Bucket) => number,
): PlotSeries & { readonly total: number } {
  const total = sum(bars, of);
  return { label, colour, values: bars.map(of), summary: shortCount(total), total };
}

const ANSWER_COLOURS: Readonly<Record<AnswerKind, Colour>> = {
  "200": "series-1",
  "401": "series-2",
  "other 4xx": "note",
  "5xx": "series-3",
  "no answer": "error",
};

const inAll = (length: number) => `in ${spokenLength(length)}`;

export function AnswersChart({ bars, window, top }: ChartProps) {
  const series = ANSWER_KINDS.map((kind) => countSeries(bars, kind, ANSWER_COLOURS[kind], (bar) => bar.answers[kind]));
  const all = series.reduce((total, one) => total + one.total, 0);
  const told = series.filter(({ total }) => total > 0).map(({ label, total }) => `${total} ${label}`);
  return (
    <Plot
      title="IMDS requests by answer"
      summary={`${counted(all, "request")} ${inAll(window.to - window.from)}: ${told.join(", ") || "none"}`}
      kind="bars"
      x={bars.map(({ at }) => at)}
      from={window.from}
      to={window.to}
      series={series}
      unit="count"
      empty={all === 0 ? "IMDS was not asked in this time" : undefined}
      {...(top === undefined ? {} : { top })}
    />
  );
}

export function RequestsChart({ bars, window, top }: ChartProps) {
  const failed = countSeries(bars, "failed", "error", ({ failures }) => failures);
  const ok = countSeries(bars, "ok", "series-1", ({ requests, failures }) => Math.max(0, requests - failures));
  return (
    <Plot
      title="Requests"
      summary={`${counted(ok.total + failed.total, "request")}, ${failed.total} failed, ${inAll(window.to - window.from)}`}
      kind="bars"
      x={bars.map(({ at }) => at)}
      from={window.from}
      to={window.to}
      series={[failed, ok]}
      unit="count"
      empty={ok.total + failed.total === 0 ? "No request in this time" : undefined}
      {...(top === undefined ? {} : { top })}
    />
  );
}

export function LatencyChart({ bars, window, top }: ChartProps) {
  const line = (
    label: string,
    colour: Colour,
    of: (bar: Bucket) => number | undefined,
    isSparse = false,
  ): PlotSeries => {
    const values = bars.map((bar) => of(bar) ?? null);
    const last = values.findLast((value) => value !== null);
    return {
      label,
      colour,
      values,
      summary: last === undefined || last === null ? "–" : spokenLatency(last),
      isSparse,
    };
  };
  const series = [
    line("refresh", "series-2", ({ refreshMs }) => refreshMs, true),
    line("request p99", "series-3", ({ requestP99Ms }) => requestP99Ms),
    line("request p50", "series-1", ({ requestP50Ms }) => requestP50Ms),
  ];
  const hasAny = series.some(({ values }) => values.some((value) => value !== null));
  return (
    <Plot
      title="Latency"
      summary={series.map(({ label, summary }) => `${label} ${summary}`).join(", ")}
      kind="lines"
      x={bars.map(({ at }) => at)}
      from={window.from}
      to={window.to}
      series={series}
      unit="latency"
      empty={hasAny ? undefined : "Nothing to time yet"}
      {...(top === undefined ? {} : { top })}
    />
  );
}

export function StaleChart({ bars, window, top }: ChartProps) {
  const surfaced = countSeries(bars, "surfaced", "error", (bar) => bar.surfaced);
  const replayed = countSeries(bars, "replayed", "series-2", ({ replays }) => replays);
  const none = surfaced.total + replayed.total === 0;
  return (
    <Plot
      title="Stale credentials"
      summary={`${replayed.total} replayed unseen, ${surfaced.total} surfaced, ${inAll(window.to - window.from)}`}
      kind="bars"
      x={bars.map(({ at }) => at)}
      from={window.from}
      to={window.to}
      series={[surfaced, replayed]}
      unit="count"
      empty={none ? "No answer meant stale credentials" : undefined}
      {...(top === undefined ? {} : { top })}
    />
  );
}

export function SurvivalChart({ bars, window, top }: ChartProps) {
  const values = bars.map(({ survivalMs }) => survivalMs ?? null);
  const known = values.filter((value) => value !== null);
  const lowest = known.length === 0 ? undefined : Math.min(...known);
  const summary = lowest === undefined ? "–" : spokenLength(lowest);
  return (
    <Plot
      title="Survival over time"
      summary={lowest === undefined ? "nothing told yet" : `lowest ${summary} ${inAll(window.to - window.from)}`}
      kind="lines"
      x={bars.map(({ at }) => at)}
      from={window.from}
      to={window.to}
      series={[{ label: "lowest", colour: "series-1", values, summary }]}
      unit="length"
      empty={lowest === undefined ? "Nobody tells how long credentials would last here" : undefined}
      {...(top === undefined ? {} : { top })}
    />
  );
}
