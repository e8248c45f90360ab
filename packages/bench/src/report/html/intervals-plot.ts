/** Each figure's change and its interval on one axis, the side that nobody wants on the right; the margin is a band. */

import type { Comparison, Pair } from "../../verdict/comparison.js";
import type { Row } from "../../verdict/rows.js";
import { changeText, intervalText, percentText } from "../figures.js";
import { element, type Markup } from "./markup.js";

const WIDTH = 720;
const LEFT = 150;
const RIGHT = 20;
const ROW = 26;
const TOP = 30;

export function intervalsPlot({ rows }: Pair, { margin }: Comparison): Markup {
  const shown = rows.map((row) => ({ row, ...lossOf(row) })).filter(({ estimate }) => Number.isFinite(estimate));
  const reach = reachOf(shown, Math.log1p(margin));
  const height = TOP + shown.length * ROW + 30;
  const x = (log: number) => {
    const within = Math.max(-reach, Math.min(reach, log));
    return LEFT + ((within + reach) / (2 * reach)) * (WIDTH - LEFT - RIGHT);
  };
  const bottom = height - 30;
  const [from, to] = [x(-Math.log1p(margin)), x(Math.log1p(margin))];
  return element(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": "change of each figure, with its interval" },
    element("rect", { x: from, y: TOP - 8, width: to - from, height: bottom - TOP + 8, class: "margin" }),
    element("line", { x1: x(0), x2: x(0), y1: TOP - 8, y2: bottom, class: "axis" }),
    element("text", { x: LEFT, y: 14, class: "note" }, "← better"),
    element("text", { x: WIDTH - RIGHT, y: 14, class: "note", "text-anchor": "end" }, "worse →"),
    element("text", { x: x(0), y: 14, class: "note", "text-anchor": "middle" }, "no change"),
    element(
      "text",
      { x: from, y: height - 12, class: "note", "text-anchor": "middle" },
      `${percentText(margin)} better`,
    ),
    element("text", { x: to, y: height - 12, class: "note", "text-anchor": "middle" }, `${percentText(margin)} worse`),
    ...shown.map((one, index) => intervalRow(one, TOP + index * ROW + ROW / 2, { x, reach })),
  );
}

interface Shown {
  readonly row: Row;
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** In logarithms, worse upwards. */
function lossOf({ ratio, better }: Row): Omit<Shown, "row"> {
  const [low, estimate, high] = [Math.log(ratio.low), Math.log(ratio.estimate), Math.log(ratio.high)];
  return better === "lower" ? { low, estimate, high } : { low: -high, estimate: -estimate, high: -low };
}

/** As far as what is judged reaches, and twice the margin at least: a figure that is shown only must not flatten the rest. */
function reachOf(shown: readonly Shown[], margin: number): number {
  const ends = shown.filter(({ row }) => row.judged).flatMap(({ low, high }) => [Math.abs(low), Math.abs(high)]);
  return 1.15 * Math.max(2 * margin, ...ends.filter(Number.isFinite));
}

interface Axis {
  readonly x: (log: number) => number;
  readonly reach: number;
}

function intervalRow({ row, low, estimate, high }: Shown, y: number, { x, reach }: Axis): Markup {
  const kind = row.judged ? `judged ${row.judgement.word.replaceAll(" ", "-")}` : "shown";
  const what = `${row.title}: ${changeText(row.ratio.estimate)} (${intervalText(row.ratio)})`;
  return element(
    "g",
    { class: kind },
    element("title", {}, what),
    element("text", { x: LEFT - 10, y: y + 4, "text-anchor": "end" }, row.short),
    element("line", { x1: x(low), x2: x(high), y1: y, y2: y, class: "interval" }),
    Math.abs(estimate) <= reach
      ? element("circle", { cx: x(estimate), cy: y, r: 4.5 })
      : element(
          "text",
          { x: x(estimate), y: y + 4, "text-anchor": estimate > 0 ? "end" : "start" },
          beyond(row, estimate),
        ),
  );
}

/** Off the axis: the figure itself, and which way it lies. */
function beyond({ ratio }: Row, loss: number): string {
  const change = changeText(ratio.estimate);
  return loss > 0 ? `${change} ►` : `◄ ${change}`;
}
