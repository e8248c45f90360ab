/** The report for a terminal. */

import { styleText } from "node:util";
import type { BenchRecord } from "../record.js";
import { type Comparison, letterOf, type Pair } from "../verdict/comparison.js";
import type { Row } from "../verdict/rows.js";
import type { Word } from "../verdict/rule.js";
import { changeText, countText, figureText, intervalText, probabilityText } from "./figures.js";
import {
  candidateTitle,
  caseTitle,
  circumstances,
  failuresSentence,
  footnote,
  rotationRows,
  rowWord,
  verdictSentence,
} from "./sentences.js";
import { strips } from "./strip.js";

export interface TextOptions {
  /** With colours for a terminal. Default false. */
  readonly color?: boolean | undefined;
  /** How wide a line may be, in characters. Default 120. */
  readonly columns?: number | undefined;
}

const STRIP_WIDTH = 12;
/** Narrower than this, and a row with its two strips breaks. */
const ROOM_FOR_STRIPS = 112;

type Style = Parameters<typeof styleText>[0];

const STYLES: Readonly<Record<Word, Style>> = {
  slower: ["bold", "red"],
  faster: ["bold", "green"],
  "no worse": ["bold", "green"],
  "cannot tell": ["bold", "yellow"],
};

/** What happened, for a person: each pair with its figures, and the verdict in words. */
export function textReport(record: BenchRecord, comparison: Comparison, options: TextOptions = {}): string {
  const { color = false, columns = 120 } = options;
  const paint = (style: Style, text: string) => (color ? styleText(style, text, { validateStream: false }) : text);
  const wrap = (text: string, indent = "") => wrapped(text, Math.min(columns, 120), indent);
  const pairs = comparison.pairs.flatMap((pair) => [
    "",
    paint("bold", caseTitle(pair.case)),
    `  ${candidateTitle(record, pair.a)}`,
    `  ${candidateTitle(record, pair.b)}`,
    "",
    ...table(pair, columns >= ROOM_FOR_STRIPS, paint),
    ...rotationTable(record, pair),
    "",
    paint(STYLES[pair.verdict], wrap(verdictSentence(pair, comparison), "  ")),
    ...remarks(record, pair).map((remark) => wrap(remark, "  ")),
  ]);
  return `${[wrap(circumstances(record)), ...pairs, "", wrap(footnote(comparison))].join("\n")}\n`;
}

function table(pair: Pair, withStrips: boolean, paint: (style: Style, text: string) => string): string[] {
  if (pair.rows.length === 0) return ["  no round that both of them completed"];
  const line = (cells: readonly [string, string, string, string, string, string, string, string]) => {
    const [title, a, b, change, interval, p, drawn, word] = cells;
    const figures = `  ${title.padEnd(15)}${a.padStart(11)}${b.padStart(11)}${change.padStart(10)}${interval.padStart(20)}${p.padStart(8)}`;
    return `${figures}${withStrips ? `  ${drawn.padEnd(2 * STRIP_WIDTH + 3)}` : ""}  ${word}`;
  };
  const [first, second] = [letterOf(pair.a), letterOf(pair.b)];
  const heads = [first, second].map((letter) => `${letter} by round`.padEnd(STRIP_WIDTH)).join(" ");
  const head = line(["", first, second, `${second} by ${first}`, "interval", "p", ` ${heads}`, ""]);
  const row = (one: Row) => {
    const [a, b] = strips(one.roundsOfA, one.roundsOfB, STRIP_WIDTH);
    const word = one.judged ? paint(STYLES[one.judgement.word], rowWord(one)) : rowWord(one);
    const { estimate } = one.ratio;
    const text = line([
      one.short,
      figureText(one.a, one.unit),
      figureText(one.b, one.unit),
      changeText(estimate),
      intervalText(one.ratio),
      probabilityText(one.p),
      `│${a}│${b}│`,
      word,
    ]);
    return one.judged ? text : paint("dim", text);
  };
  const of = (judged: boolean) => pair.rows.filter((one) => one.judged === judged).map(row);
  return [paint("dim", head.trimEnd()), ...of(true), ...of(false)].map((text) => text.trimEnd());
}

function rotationTable(record: BenchRecord, pair: Pair): string[] {
  const rows = rotationRows(record, pair);
  if (rows.length === 0) return [];
  const line = (name: string, a: string, b: string) => `  ${name.padEnd(30)}${a.padStart(11)}${b.padStart(11)}`;
  return [
    "",
    line("felt by callers, median round", letterOf(pair.a), letterOf(pair.b)),
    ...rows.map(({ name, a, b }) => line(name, countText(a), countText(b))),
  ];
}

function remarks(record: BenchRecord, pair: Pair): string[] {
  const failures = failuresSentence(record, pair);
  return [...(failures === undefined ? [] : [failures]), ...pair.weakened.map((doubt) => `Doubtful: ${doubt}.`)];
}

function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(" ")) {
    if (line.length > indent.length && line.length + word.length > width) {
      lines.push(line.trimEnd());
      line = indent;
    }
    line += `${word} `;
  }
  return [...lines, line.trimEnd()].join("\n");
}
