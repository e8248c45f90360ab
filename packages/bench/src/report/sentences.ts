/** What a comparison comes to, in words: the same in every form of the report. */

import type { BenchRecord, CaseSettings, Measurement } from "../record.js";
import { median } from "../statistics.js";
import { type Comparison, letterOf, type Pair } from "../verdict/comparison.js";
import { failuresOf } from "../verdict/doubts.js";
import type { Row } from "../verdict/rows.js";
import type { Word } from "../verdict/rule.js";
import { changeText, countText, intervalText, percentText, sizeText } from "./figures.js";

export function caseTitle(of: CaseSettings): string {
  const size = of.sizeBytes > 0 ? ` ${sizeText(of.sizeBytes)}` : "";
  const load =
    of.arrivalsPerSecond === undefined
      ? `${of.inFlight} in flight`
      : `${countText(of.arrivalsPerSecond)} arrivals a second`;
  return `${of.operation.toUpperCase()}${size}, ${load}, ${of.tls ? "HTTPS" : "HTTP"}, checksum ${of.checksum}`;
}

/** `B: sdk@latest (@aws-sdk/client-s3 3.1173.0)`. */
export function candidateTitle({ candidates }: BenchRecord, index: number): string {
  const { spec = "", resolved } = candidates[index] ?? {};
  return `${letterOf(index)}: ${spec}${resolved === undefined || resolved === spec ? "" : ` (${resolved})`}`;
}

export function circumstances({ settings, machine, startedAt, complete }: BenchRecord): string {
  const { rounds, measureMs, target, seed } = settings;
  const planned = `${rounds} rounds of ${countText(measureMs)} ms each${complete ? "" : " were planned, and not all were run"}`;
  const on = `Node.js ${machine.node} on ${machine.cores} × ${machine.cpu}, ${machine.platform}`;
  return `${startedAt.slice(0, 16).replace("T", " ")} UTC, ${planned}, seed ${seed}, target ${target}; ${on}`;
}

/** What a row says of its figure: memory is not slow. */
export function rowWord({ judgement: { word }, unit, judged }: Row): string {
  if (word === "cannot tell") return judged ? word : "unclear";
  const words = {
    bytes: { slower: "more", faster: "less", "no worse": word },
    share: { slower: "worse", faster: "better", "no worse": word },
  };
  return unit === "bytes" || unit === "share" ? words[unit][word] : word;
}

/** The verdict on a pair, and what it stands on. */
export function verdictSentence(pair: Pair, { margin }: Comparison): string {
  const judged = pair.rows.filter((row) => row.judged);
  const called = (word: Word) => judged.filter(({ judgement }) => judgement.word === word);
  const letter = letterOf(pair.b);
  switch (pair.verdict) {
    case "slower":
      return `${letter} is slower than ${letterOf(pair.a)}: ${called("slower").map(changeOf).join("; ")}.`;
    case "faster":
      return `${letter} is faster than ${letterOf(pair.a)}: ${called("faster").map(changeOf).join("; ")}. Nothing that is judged got worse by ${percentText(margin)}.`;
    case "no worse":
      return `${letter} is no worse than ${letterOf(pair.a)}: a loss of ${percentText(margin)} can be ruled out in ${judged.map(({ title }) => title).join(" and ")}.`;
    case "cannot tell":
      return `Cannot tell. ${reasonFor(pair, called("cannot tell"), margin)}`;
  }
}

const changeOf = ({ title, ratio }: Row) => `${title} ${changeText(ratio.estimate)} (${intervalText(ratio)})`;

function reasonFor({ refused, rounds, moreRounds }: Pair, open: readonly Row[], margin: number): string {
  if (refused.length > 0) return `${refused.map((reason) => capital(reason)).join(". ")}.`;
  const what = `The rounds leave open whether there is a loss of ${percentText(margin)}: ${open.map(changeOf).join("; ")}.`;
  return moreRounds === undefined
    ? `${what} The difference lies too near the margin, or the figures too far apart, for more rounds to help: measure longer, on a quieter machine, or decide on another margin.`
    : `${what} About ${moreRounds} more rounds would settle it: --rounds ${rounds + moreRounds}.`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** Undefined when nothing failed. */
export function failuresSentence(record: BenchRecord, pair: Pair): string | undefined {
  const sides = [pair.a, pair.b].map((index) => {
    const own = record.measurements.filter(
      ({ candidate, case: name }) => candidate === index && name === pair.case.name,
    );
    return { letter: letterOf(index), failed: failuresOfText(own) };
  });
  if (sides.every(({ failed }) => failed === "")) return undefined;
  return `Failed operations: ${sides.map(({ letter, failed }) => `${letter} ${failed || "none"}`).join("; ")}.`;
}

/** `SlowDown 120, TimeoutError 3`; empty when nothing failed. */
export const failuresOfText = (measurements: readonly Measurement[]) =>
  [...failuresOf(measurements)].map(([name, count]) => `${name} ${countText(count)}`).join(", ");

/** Names of a record, in words; what a client counts itself keeps its own. */
const FELT: Readonly<Record<string, string>> = {
  failed: "operations failed",
  p99AroundMs: "p99 around rotations, ms",
  p99ElsewhereMs: "p99 elsewhere, ms",
  longestOutageMinutes: "longest outage, min",
  imdsRequests: "requests to IMDS",
};

/** What callers felt of rotations in a round, the median of all rounds; empty for other cases. */
export function rotationRows(
  record: BenchRecord,
  pair: Pair,
): { readonly name: string; readonly a: number; readonly b: number }[] {
  const feltBy = (index: number) =>
    record.measurements
      .filter(({ candidate, case: name }) => candidate === index && name === pair.case.name)
      .map(({ rotation = {} }) => rotation);
  const [ofA, ofB] = [feltBy(pair.a), feltBy(pair.b)];
  const medianOf = (felt: typeof ofA, name: string) => median(felt.map((round) => round[name] ?? 0));
  const names = new Set([...ofA, ...ofB].flatMap((round) => Object.keys(round)));
  return [...names].map((name) => ({ name: FELT[name] ?? name, a: medianOf(ofA, name), b: medianOf(ofB, name) }));
}

/** How to read the intervals, once per report. */
export function footnote({ margin, confidence, judgedConfidence }: Comparison): string {
  const level = (share: number) => `${Number((100 * share).toFixed(2))} %`;
  return (
    `Margin ${percentText(margin)}. Intervals hold with ${level(judgedConfidence)} together for what a verdict comes from, so that with ${level(confidence)} nothing in this ` +
    `report is called slower or faster that is not, and ${level(confidence)} each for the other figures, which are shown and not judged. ` +
    `p is that of Mann–Whitney U.`
  );
}
