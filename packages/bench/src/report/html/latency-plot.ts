/** Latencies from the fastest request to the slowest: each step to the right is ten times rarer, each upwards a factor. */

import type { Measurement } from "../../record.js";
import { Latencies } from "../../statistics/latencies.js";
import { letterOf, type Pair } from "../../verdict/comparison.js";
import { figureText } from "../figures.js";
import { element, type Markup } from "./markup.js";

const WIDTH = 720;
const HEIGHT = 260;
const LEFT = 80;
const RIGHT = 20;
const TOP = 30;
const BOTTOM = 30;
/** In powers of ten of the share that takes longer: 0 is the fastest request, 3 the p99.9. */
const TICKS: readonly (readonly [nines: number, name: string])[] = [
  [0, "fastest"],
  [Math.log10(2), "p50"],
  [1, "p90"],
  [2, "p99"],
  [3, "p99.9"],
  [4, "p99.99"],
  [5, "p99.999"],
];
const STEP = 0.05;

interface Curve {
  readonly side: "a" | "b";
  readonly points: readonly (readonly [nines: number, us: number])[];
}

/** Undefined without latencies. */
export function latencyPlot(measurements: readonly Measurement[], pair: Pair): Markup | undefined {
  const curves = (["a", "b"] as const).map((side) => curveOf(measurements, pair, side));
  const all = curves.flatMap(({ points }) => points);
  if (all.length === 0) return undefined;
  const times = all.map(([, us]) => Math.log10(us));
  const [low, high] = [Math.floor(Math.min(...times)), Math.ceil(Math.max(...times) + 1e-9)];
  const most = Math.max(...all.map(([nines]) => nines), 1);
  const x = (nines: number) => LEFT + (nines / most) * (WIDTH - LEFT - RIGHT);
  const y = (us: number) => TOP + ((high - Math.log10(us)) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  const decades = Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index));
  return element(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": "latency by percentile" },
    element("text", { x: LEFT, y: 14, class: "note" }, "latency by percentile, all rounds together"),
    ...decades.map((us) =>
      element(
        "g",
        {},
        element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(us), y2: y(us), class: "grid" }),
        element(
          "text",
          { x: LEFT - 8, y: y(us) + 4, class: "note", "text-anchor": "end" },
          figureText(us, "microseconds"),
        ),
      ),
    ),
    ...TICKS.filter(([nines]) => nines <= most).map(([nines, name]) =>
      element(
        "g",
        {},
        element("line", { x1: x(nines), x2: x(nines), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
        element("text", { x: x(nines), y: HEIGHT - 10, class: "note", "text-anchor": "middle" }, name),
      ),
    ),
    ...curves.map(({ side, points }) =>
      element(
        "polyline",
        {
          points: points.map(([nines, us]) => `${x(nines).toFixed(1)},${y(us).toFixed(1)}`).join(" "),
          class: `curve ${side}`,
        },
        element("title", {}, letterOf(pair[side])),
      ),
    ),
  );
}

function curveOf(measurements: readonly Measurement[], pair: Pair, side: "a" | "b"): Curve {
  const own = measurements.filter((one) => one.candidate === pair[side] && one.case === pair.case.name);
  const latencies = new Latencies(own.map((one) => one.latencies));
  const evenly = own.map(() => 1);
  const points: [number, number][] = [];
  for (let nines = 0; latencies.reaches(1 - 10 ** -nines); nines += STEP) {
    points.push([nines, latencies.quantile(1 - 10 ** -nines, evenly)]);
  }
  return { side, points };
}
