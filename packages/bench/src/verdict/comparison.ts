/** From a record to verdicts: each candidate against the first, case by case, figure by figure. */

import { seededRandom } from "@evertoken/core";
import type { BenchRecord, CaseSettings, Measurement } from "../record.js";
import { type Doubts, doubtsOf } from "./doubts.js";
import { judgedByDefault, type MetricName } from "./metrics.js";
import { type Row, type RowOptions, rowsOf } from "./rows.js";
import type { Judgement, Word } from "./rule.js";

export interface CompareOptions {
  /** The loss that matters, as a share: 0.03 is 3 %. Default 0.03. */
  readonly margin?: number | undefined;
  /**
   * The chance that nothing in the report is called slower or faster that is not, at least. Shared out among cases and candidates
   * (Bonferroni), so that a report of many cases cries wolf no more often than one of a single case; the figures of one of them
   * keep it together. Default 0.98.
   */
  readonly confidence?: number | undefined;
  /** What verdicts come from. Default: throughput (with arrivals at a fixed rate the median latency) and CPU time. */
  readonly judged?: readonly MetricName[] | undefined;
  /** Leaves out what is shown only, which is most of the work. Default false. */
  readonly judgedOnly?: boolean | undefined;
}

export interface Comparison {
  readonly format: "evertoken-bench-comparison/1";
  readonly margin: number;
  readonly confidence: number;
  /** Of the judged figures' intervals of one pair, together; the others have `confidence` each. */
  readonly judgedConfidence: number;
  readonly verdict: Word;
  readonly pairs: readonly Pair[];
}

/** One candidate against the first in one case. */
export interface Pair extends Doubts {
  readonly case: CaseSettings;
  /** Indices into the record's candidates. */
  readonly a: number;
  readonly b: number;
  /** Rounds that both of them completed. */
  readonly rounds: number;
  readonly verdict: Word;
  /** About how many rounds more would settle it; missing when nothing can be said of that. */
  readonly moreRounds?: number;
  readonly rows: readonly Row[];
}

export const DEFAULT_MARGIN = 0.03;
const DEFAULT_CONFIDENCE = 0.98;

/** Repeatable: the draws of the bootstrap follow from the record's seed. */
export function compareRecord(record: BenchRecord, options: CompareOptions = {}): Comparison {
  const { margin = DEFAULT_MARGIN, confidence = DEFAULT_CONFIDENCE, judgedOnly = false } = options;
  const { cases } = record.settings;
  const others = record.candidates.map((_, index) => index).slice(1);
  const judgedOf = (of: CaseSettings) => options.judged ?? judgedByDefault(of);
  const judgedConfidence = 1 - (1 - confidence) / Math.max(others.length * cases.length, 1);
  const pairs = cases.flatMap((of) =>
    others.map((b) =>
      comparePair(record, { of, b, margin, confidence, judgedConfidence, judged: judgedOf(of), judgedOnly }),
    ),
  );
  const verdict = worst(pairs.map((pair) => pair.verdict));
  return { format: "evertoken-bench-comparison/1", margin, confidence, judgedConfidence, verdict, pairs };
}

interface PairOptions extends RowOptions {
  readonly of: CaseSettings;
  readonly b: number;
}

function comparePair(record: BenchRecord, options: PairOptions): Pair {
  const { of, b, margin } = options;
  const [ofA, ofB] = bothComplete(measurementsOf(record, of, 0), measurementsOf(record, of, b));
  const rounds = ofA.length;
  const side = (index: number, measurements: readonly Measurement[]) => {
    const { spec = "", failure } = record.candidates[index] ?? {};
    return { name: `${letterOf(index)} (${spec})`, failure, measurements };
  };
  const sides = [side(0, ofA), side(b, ofB)];
  const rows = rounds === 0 ? [] : rowsOf(ofA, ofB, options, seededRandom(record.settings.seed));
  const missing = options.judged.filter((name) => rows.every(({ metric }) => metric !== name));
  const doubts = doubtsOf({ case: of, sides, rounds, margin, missing }, record);
  const judgements = rows.filter(({ judged }) => judged).map(({ judgement }) => judgement);
  const verdict = doubts.refused.length > 0 ? "cannot tell" : worst(judgements.map(({ word }) => word));
  return { case: of, a: 0, b, rounds, verdict, ...moreRounds(verdict, doubts, judgements), rows, ...doubts };
}

/** Candidates are called A, B, C, … in the order of the command line. */
export const letterOf = (index: number) => String.fromCharCode("A".charCodeAt(0) + index);

/** What one can be sure of in all of them: a loss outweighs a doubt, a doubt outweighs a gain. */
function worst(words: readonly Word[]): Word {
  const order: readonly Word[] = ["slower", "cannot tell"];
  const found = order.find((word) => words.includes(word));
  if (found !== undefined || words.length === 0) return found ?? "cannot tell";
  return words.includes("faster") ? "faster" : "no worse";
}

function moreRounds(verdict: Word, { refused }: Doubts, judgements: readonly Judgement[]): { moreRounds?: number } {
  if (verdict !== "cannot tell" || refused.length > 0) return {};
  const open = judgements.filter(({ word }) => word === "cannot tell").map((one) => one.moreRounds);
  const known = open.filter((more) => more !== undefined);
  return known.length === open.length && known.length > 0 ? { moreRounds: Math.max(...known) } : {};
}

function measurementsOf(record: BenchRecord, of: CaseSettings, candidate: number): Map<number, Measurement> {
  const own = record.measurements.filter((one) => one.candidate === candidate && one.case === of.name);
  return new Map(own.map((one) => [one.round, one]));
}

/** A round that only one of them completed compares nothing. */
function bothComplete(
  a: ReadonlyMap<number, Measurement>,
  b: ReadonlyMap<number, Measurement>,
): readonly [Measurement[], Measurement[]] {
  const rounds = [...a.keys()].filter((round) => b.has(round)).sort((x, y) => x - y);
  const of = (all: ReadonlyMap<number, Measurement>) => rounds.map((round) => all.get(round) as Measurement);
  return [of(a), of(b)];
}
