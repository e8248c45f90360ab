/** The figures of candidates on their own: what they are, and how far the rounds lie apart. Nothing is compared. */

import type { BenchRecord } from "../record.js";
import { doubtsOf } from "../verdict/doubts.js";
import { figuresOf } from "../verdict/figures.js";
import { METRICS } from "../verdict/metrics.js";
import { figureText } from "./figures.js";
import { candidateTitle, caseTitle, circumstances, failuresOfText } from "./sentences.js";
import { strips } from "./strip.js";

const STRIP_WIDTH = 24;

export function singleReport(record: BenchRecord): string {
  const sections = record.settings.cases.flatMap((of) =>
    record.candidates.flatMap((candidate, index) => {
      const own = record.measurements.filter((one) => one.candidate === index && one.case === of.name);
      const side = { name: candidate.spec, failure: candidate.failure, measurements: own };
      const evidence = { case: of, sides: [side], rounds: own.length, margin: 1, missing: [] };
      const failed = failuresOfText(own);
      return [
        "",
        caseTitle(of),
        `  ${candidateTitle(record, index)}`,
        ...(candidate.failure === undefined ? [] : [`  takes no part: ${candidate.failure}`]),
        "",
        line("", "figure", "lowest", "highest", " by round"),
        ...METRICS.map((metric) => figuresOf(metric, own, own)).flatMap((figures) => {
          if (figures === undefined) return [];
          const { metric, a, roundsOfA } = figures;
          const text = (figure: number) => figureText(figure, metric.unit);
          const [drawn] = strips(roundsOfA, [], STRIP_WIDTH);
          return [
            line(metric.short, text(a), text(Math.min(...roundsOfA)), text(Math.max(...roundsOfA)), `│${drawn}│`),
          ];
        }),
        ...(failed === "" ? [] : ["", `  Failed operations: ${failed}.`]),
        ...doubtsOf(evidence, record).weakened.map((doubt) => `  Doubtful: ${doubt}.`),
      ];
    }),
  );
  return `${[circumstances(record), ...sections].join("\n")}\n`;
}

const line = (title: string, figure: string, low: string, high: string, drawn: string) =>
  `  ${title.padEnd(15)}${figure.padStart(11)}${low.padStart(11)}${high.padStart(11)}  ${drawn}`.trimEnd();
