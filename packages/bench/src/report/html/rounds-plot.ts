/** One figure, round by round: what both candidates did at the same time, and how much it went up and down. */

import { letterOf, type Pair } from "../../verdict/comparison.js";
import type { Row } from "../../verdict/rows.js";
import { figureText } from "../figures.js";
import { element, type Markup } from "./markup.js";

const WIDTH = 720;
const HEIGHT = 170;
const LEFT = 80;
const TOP = 24;
const BOTTOM = 26;

export function roundsPlot(row: Row, pair: Pair): Markup {
  const all = [...row.roundsOfA, ...row.roundsOfB].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = (high - low || high || 1) * 0.08;
  const y = (figure: number) => TOP + ((high + room - figure) / (high - low + 2 * room)) * (HEIGHT - TOP - BOTTOM);
  const step = (WIDTH - LEFT - 20) / row.roundsOfA.length;
  const x = (round: number) => LEFT + (round + 0.5) * step;
  const dot = (figure: number, round: number, side: "a" | "b") =>
    element(
      "circle",
      { cx: x(round), cy: y(figure), r: 4, class: side },
      element("title", {}, `round ${round + 1}, ${letterOf(pair[side])}: ${figureText(figure, row.unit)}`),
    );
  return element(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${row.title} of each round` },
    element("text", { x: LEFT, y: 14, class: "note" }, `${row.title}, round by round`),
    ...[low, high].map((figure) =>
      element(
        "g",
        {},
        element("line", { x1: LEFT, x2: WIDTH - 20, y1: y(figure), y2: y(figure), class: "grid" }),
        element(
          "text",
          { x: LEFT - 8, y: y(figure) + 4, class: "note", "text-anchor": "end" },
          figureText(figure, row.unit),
        ),
      ),
    ),
    ...row.roundsOfA.map((figure, round) =>
      element(
        "g",
        {},
        element("line", {
          x1: x(round),
          x2: x(round),
          y1: y(figure),
          y2: y(row.roundsOfB[round] as number),
          class: "pair",
        }),
        dot(figure, round, "a"),
        dot(row.roundsOfB[round] as number, round, "b"),
      ),
    ),
    element("text", { x: x(0), y: HEIGHT - 8, class: "note", "text-anchor": "middle" }, "1"),
    element(
      "text",
      { x: x(row.roundsOfA.length - 1), y: HEIGHT - 8, class: "note", "text-anchor": "middle" },
      row.roundsOfA.length,
    ),
  );
}
