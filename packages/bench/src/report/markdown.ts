/** The report as a comment on a pull request: the verdict first, the figures below, the rest folded away. */

import type { BenchRecord } from "../record.js";
import { type Comparison, letterOf, type Pair } from "../verdict/comparison.js";
import type { Row } from "../verdict/rows.js";
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

export function markdownReport(record: BenchRecord, comparison: Comparison): string {
  const candidates = record.candidates.map((_, index) => `- ${escaped(candidateTitle(record, index))}`);
  const sections = comparison.pairs.flatMap((pair) => section(record, pair, comparison));
  return `${[
    `### S3 bench: ${comparison.verdict}`,
    "",
    ...candidates,
    "",
    ...sections,
    `<sub>${escaped(circumstances(record))}. ${escaped(footnote(comparison))}</sub>`,
  ].join("\n")}\n`;
}

function section(record: BenchRecord, pair: Pair, comparison: Comparison): string[] {
  const failures = failuresSentence(record, pair);
  const doubts = pair.weakened.map((doubt) => `- doubtful: ${escaped(doubt)}`);
  return [
    `#### ${letterOf(pair.b)} against ${letterOf(pair.a)}: ${escaped(caseTitle(pair.case))}`,
    "",
    `**${escaped(verdictSentence(pair, comparison))}**`,
    "",
    ...(failures === undefined ? [] : [escaped(failures), ""]),
    ...(doubts.length === 0 ? [] : [...doubts, ""]),
    ...figures(pair),
    ...rotation(record, pair),
  ];
}

function figures(pair: Pair): string[] {
  const judged = pair.rows.filter((row) => row.judged);
  const others = pair.rows.filter((row) => !row.judged);
  if (pair.rows.length === 0) return [];
  return [
    ...table(judged, pair),
    "",
    "<details><summary>Figures that are not judged</summary>",
    "",
    ...table(others, pair),
    "",
    "</details>",
    "",
  ];
}

function table(rows: readonly Row[], { a, b }: Pair): string[] {
  const [first, second] = [letterOf(a), letterOf(b)];
  return [
    line(["", first, second, `${second} by ${first}`, "interval", "p", ""]),
    line(["---", "---:", "---:", "---:", "---:", "---:", "---"]),
    ...rows.map((row) =>
      line([
        row.title,
        figureText(row.a, row.unit),
        figureText(row.b, row.unit),
        changeText(row.ratio.estimate),
        intervalText(row.ratio),
        probabilityText(row.p),
        row.judged ? `**${rowWord(row)}**` : rowWord(row),
      ]),
    ),
  ];
}

function rotation(record: BenchRecord, pair: Pair): string[] {
  const rows = rotationRows(record, pair);
  if (rows.length === 0) return [];
  return [
    line(["felt by callers, median round", letterOf(pair.a), letterOf(pair.b)]),
    line(["---", "---:", "---:"]),
    ...rows.map(({ name, a, b }) => line([escaped(name), countText(a), countText(b)])),
    "",
  ];
}

const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** What comes from outside (a path, an error's name) stays text. */
const escaped = (text: string) => text.replace(/[\\`*_[\]<>|#]/g, "\\$&").replace(/@(?=\w)/g, "@\u200b");
