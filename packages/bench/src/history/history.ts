/** Saved runs as a list: one line for each candidate and case, the oldest first, so that a change over weeks is seen. */

import { changeText, intervalText } from "../report/figures.js";
import { type CompareOptions, compareRecord, type Pair } from "../verdict/comparison.js";
import type { Word } from "../verdict/rule.js";
import type { KeptRun } from "./files.js";

export interface HistoryEntry {
  readonly file: string;
  readonly startedAt: string;
  /** What the candidates turned out to be. */
  readonly a: string;
  readonly b: string;
  readonly case: string;
  readonly rounds: number;
  readonly verdict: Word;
  readonly judged: readonly {
    readonly metric: string;
    readonly ratio: number;
    readonly low: number;
    readonly high: number;
  }[];
  readonly doubts: number;
}

export interface HistoryOptions extends CompareOptions {
  /** Only this case. */
  readonly case?: string | undefined;
  /** Only runs with a candidate whose name has this in it. */
  readonly candidate?: string | undefined;
}

/** Judged anew, all by the same margin and rule, whatever they were judged by then. */
export function historyOf(runs: readonly KeptRun[], options: HistoryOptions = {}): HistoryEntry[] {
  return runs.flatMap(({ file, record }) => {
    if (record === undefined) return [];
    const name = (index: number) => record.candidates[index]?.resolved ?? record.candidates[index]?.spec ?? "";
    const isMeant = (pair: Pair) =>
      (options.case === undefined || pair.case.name === options.case) &&
      [pair.a, pair.b].some((index) =>
        `${record.candidates[index]?.spec} ${name(index)}`.includes(options.candidate ?? ""),
      );
    return compareRecord(record, { ...options, judgedOnly: true })
      .pairs.filter(isMeant)
      .map(
        (pair): HistoryEntry => ({
          file,
          startedAt: record.startedAt,
          a: name(pair.a),
          b: name(pair.b),
          case: pair.case.name,
          rounds: pair.rounds,
          verdict: pair.verdict,
          judged: pair.rows
            .filter(({ judged }) => judged)
            .map(({ short, ratio: { estimate, low, high } }) => ({ metric: short, ratio: estimate, low, high })),
          doubts: pair.weakened.length + pair.refused.length,
        }),
      );
  });
}

export function historyText(entries: readonly HistoryEntry[]): string {
  if (entries.length === 0) return "No run is saved that this asks for.\n";
  const lines = entries.map((entry) => {
    const figures = entry.judged.map(
      ({ metric, ratio, low, high }) => `${metric} ${changeText(ratio)} (${intervalText({ low, high })})`,
    );
    const doubts = entry.doubts === 0 ? "" : `; ${entry.doubts} doubt${entry.doubts === 1 ? "" : "s"}`;
    return [
      `${entry.startedAt.slice(0, 16).replace("T", " ")}  ${entry.verdict.padEnd(11)}  ${entry.case}, ${entry.rounds} rounds${doubts}`,
      `    ${entry.b}  against  ${entry.a}`,
      ...figures.map((figure) => `    ${figure}`),
      `    ${entry.file}`,
    ].join("\n");
  });
  return `${lines.join("\n\n")}\n`;
}
