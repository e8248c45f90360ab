/** The report as one HTML file that needs nothing else: no script, no font, no request. */

import type { BenchRecord } from "../../record.js";
import { type Comparison, letterOf, type Pair } from "../../verdict/comparison.js";
import type { Row } from "../../verdict/rows.js";
import { changeText, countText, figureText, intervalText, probabilityText } from "../figures.js";
import {
  candidateTitle,
  caseTitle,
  circumstances,
  failuresSentence,
  footnote,
  rotationRows,
  rowWord,
  verdictSentence,
} from "../sentences.js";
import { intervalsPlot } from "./intervals-plot.js";
import { latencyPlot } from "./latency-plot.js";
import { element, type Markup } from "./markup.js";
import { roundsPlot } from "./rounds-plot.js";
import { STYLE } from "./style.js";

export function htmlReport(record: BenchRecord, comparison: Comparison): string {
  const page = element(
    "html",
    { lang: "en" },
    element(
      "head",
      {},
      { markup: '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">' },
      element("title", {}, `S3 bench: ${comparison.verdict}`),
      element("style", {}, { markup: STYLE }),
    ),
    element(
      "body",
      {},
      element("h1", {}, "S3 bench: ", badge(comparison.verdict)),
      element(
        "ul",
        { class: "candidates" },
        record.candidates.map((_, index) => element("li", {}, candidateTitle(record, index))),
      ),
      ...comparison.pairs.map((pair) => section(record, pair, comparison)),
      element("footer", {}, element("p", {}, `${circumstances(record)}.`), element("p", {}, footnote(comparison))),
    ),
  );
  return `<!doctype html>\n${page.markup}\n`;
}

function section(record: BenchRecord, pair: Pair, comparison: Comparison): Markup {
  const failures = failuresSentence(record, pair);
  return element(
    "section",
    {},
    element("h2", {}, `${letterOf(pair.b)} against ${letterOf(pair.a)}: ${caseTitle(pair.case)}`),
    element("p", { class: "verdict" }, badge(pair.verdict), ` ${verdictSentence(pair, comparison)}`),
    failures === undefined ? undefined : element("p", {}, failures),
    ...pair.weakened.map((doubt) => element("p", { class: "doubt" }, `Doubtful: ${doubt}.`)),
    ...(pair.rows.length === 0 ? [] : drawings(record, pair, comparison)),
    rotation(record, pair),
  );
}

function drawings(record: BenchRecord, pair: Pair, comparison: Comparison): (Markup | undefined)[] {
  return [
    element(
      "p",
      { class: "legend" },
      ...(["a", "b"] as const).flatMap((side) => [
        element("span", { class: `key ${side}` }, "●"),
        ` ${candidateTitle(record, pair[side])}   `,
      ]),
    ),
    intervalsPlot(pair, comparison),
    ...pair.rows.filter(({ judged }) => judged).map((row) => roundsPlot(row, pair)),
    latencyPlot(record.measurements, pair),
    table(pair),
  ];
}

const badge = (word: string) => element("span", { class: `badge ${word.replaceAll(" ", "-")}` }, word);

function table(pair: Pair): Markup {
  const [a, b] = [letterOf(pair.a), letterOf(pair.b)];
  const heads = ["", a, b, `${b} by ${a}`, "interval", "p", ""];
  const row = (one: Row) => {
    const cells = [
      one.short,
      figureText(one.a, one.unit),
      figureText(one.b, one.unit),
      changeText(one.ratio.estimate),
      intervalText(one.ratio),
      probabilityText(one.p),
    ];
    const word = one.judged ? badge(rowWord(one)) : rowWord(one);
    return element(
      "tr",
      one.judged ? { class: "judged" } : {},
      cells.map((cell) => element("td", {}, cell)),
      element("td", { class: "word" }, word),
    );
  };
  return element(
    "div",
    { class: "table" },
    element(
      "table",
      {},
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          heads.map((head) => element("th", {}, head)),
        ),
      ),
      element("tbody", {}, pair.rows.map(row)),
    ),
  );
}

function rotation(record: BenchRecord, pair: Pair): Markup | undefined {
  const rows = rotationRows(record, pair);
  if (rows.length === 0) return undefined;
  const heads = ["felt by callers, median round", letterOf(pair.a), letterOf(pair.b)];
  return element(
    "table",
    {},
    element(
      "thead",
      {},
      element(
        "tr",
        {},
        heads.map((head) => element("th", {}, head)),
      ),
    ),
    element(
      "tbody",
      {},
      rows.map(({ name, a, b }) =>
        element(
          "tr",
          {},
          [name, countText(a), countText(b)].map((cell) => element("td", {}, cell)),
        ),
      ),
    ),
  );
}
