/** What a comparison comes to, in words: the same in every form of the report. */

import type { BenchRecord, CaseSettings } from "../record.js";
import { type Comparison, letterOf, type Pair, type Row } from "../verdict/comparison.js";
import { failuresOf } from "../verdict/doubts.js";
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

/** What a row says of its figure. Memory is not slow. */
export function rowWord({ judgement: { word }, unit, judged }: Row): string {
  if (word === "cannot tell") return judged ? word : "unclear";
  if (unit !== "bytes") return word;
  return { slower: "more", faster: "less", "no worse": "no worse" }[word];
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
    const names = [...failuresOf(own)].map(([name, count]) => `${name} ${countText(count)}`);
    return { letter: letterOf(index), names };
  });
  if (sides.every(({ names }) => names.length === 0)) return undefined;
  return `Failed operations: ${sides.map(({ letter, names }) => `${letter} ${names.join(", ") || "none"}`).join("; ")}.`;
}

/** What callers felt of rotations, summed over the rounds; empty for other cases. */
export function rotationRows(
  record: BenchRecord,
  pair: Pair,
): { readonly name: string; readonly a: number; readonly b: number }[] {
  const sumsOf = (index: number) => {
    const sums = new Map<string, number>();
    for (const { candidate, case: name, rotation = {} } of record.measurements) {
      if (candidate !== index || name !== pair.case.name) continue;
      for (const [what, count] of Object.entries(rotation)) sums.set(what, (sums.get(what) ?? 0) + count);
    }
    return sums;
  };
  const [a, b] = [sumsOf(pair.a), sumsOf(pair.b)];
  return [...new Set([...a.keys(), ...b.keys()])].map((name) => ({ name, a: a.get(name) ?? 0, b: b.get(name) ?? 0 }));
}

/** How to read the intervals, once per report. */
export function footnote({ margin, confidence, judgedConfidence }: Comparison): string {
  const level = (share: number) => `${Number((100 * share).toFixed(2))} %`;
  return (
    `Margin ${percentText(margin)}. Intervals are ${level(judgedConfidence)} for what the verdict comes from, so that with ${level(confidence)} nothing in this ` +
    `report is called slower or faster that is not, and ${level(confidence)} each for the other figures, which are shown and not judged. ` +
    `p is that of Mann–Whitney U.`
  );
}
