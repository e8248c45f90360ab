/** Figures as Markdown, ready for a document. */

import type { Case, Figures, Goal } from "./cases.js";
import { LANES, type LaneName } from "./lanes.js";

const COLUMNS: readonly (readonly [title: string, text: (figures: Figures) => string])[] = [
  ["operations/s", ({ perSecond }) => perSecond.toFixed(0)],
  ["CPU µs/operation", ({ cpuUsPerOperation }) => cpuUsPerOperation.toFixed(0)],
  ["p50 ms", ({ p50Ms }) => p50Ms.toFixed(2)],
  ["p99 ms", ({ p99Ms }) => p99Ms.toFixed(2)],
  ["event-loop delay p99 ms", ({ loopDelayP99Ms }) => loopDelayP99Ms.toFixed(1)],
  ["RSS before MB", ({ startRssMB }) => startRssMB.toFixed(0)],
  ["peak RSS MB", ({ peakRssMB }) => peakRssMB.toFixed(0)],
];

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

export function tableOf({ title, lanes }: Case, figures: ReadonlyMap<LaneName, Figures>): string {
  const rows = lanes.map((lane) => {
    const of = figures.get(lane);
    return row([LANES[lane], ...COLUMNS.map(([, text]) => (of === undefined ? "" : text(of)))]);
  });
  return [row([title, ...COLUMNS.map(([name]) => name)]), row(["---", ...COLUMNS.map(() => "---:")]), ...rows].join(
    "\n",
  );
}

const NAMES: Readonly<Record<keyof Figures, string>> = {
  perSecond: "throughput",
  cpuUsPerOperation: "CPU time",
  p50Ms: "p50",
  p99Ms: "p99",
  loopDelayP99Ms: "event-loop delay",
  startRssMB: "RSS before the first request",
  peakRssMB: "peak RSS",
};

export function goalsOf({ goals }: Case, figures: ReadonlyMap<LaneName, Figures>): string {
  return goals.map((goal) => goalLine(goal, figures)).join("\n");
}

function goalLine({ lane, against, figure, atLeast, atMost }: Goal, figures: ReadonlyMap<LaneName, Figures>): string {
  const [ours, theirs] = [figures.get(lane)?.[figure] ?? Number.NaN, figures.get(against)?.[figure] ?? Number.NaN];
  const ratio = ours / theirs;
  const isReached = ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
  const asked = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  return `- ${LANES[lane]} against ${LANES[against]}: ${ratio.toFixed(2)} × ${NAMES[figure]}, goal ${asked}: ${isReached ? "reached" : "missed"}`;
}
