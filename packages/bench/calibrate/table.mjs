/** What a calibration has shown so far, against what is asked of it, as Markdown for a document. */

import { compareRecord } from "@evertoken/bench";

/** The client with more work in each operation, and how much more. */
export const PLANTED = "five-percent";
const MORE_WORK = 1.05;

/**
 * Kinds of comparisons; the base is always A. `times`: fewer than the others. With few operations under way, those that wait would
 * be missing from the others, and a tail would be a loss of throughput in truth.
 */
export const MEASURED = {
  same: { planted: "base", inFlight: 32 },
  work: { planted: PLANTED, inFlight: 32 },
  tail: { planted: "slow-tail", inFlight: 256, times: 5 },
};

const rowOf = ({ pair }, metric) => pair.rows.find((row) => row.metric === metric);
const wordOf = (one, metric) => rowOf(one, metric)?.judgement.word;
const holds = (one, metric, truth) => {
  const { low, high } = rowOf(one, metric)?.ratio ?? {};
  return low <= truth && truth <= high;
};
const isCalled = (one, ...words) =>
  one.pair.rows.some(({ judged, judgement }) => judged && words.includes(judgement.word));

/** @param asked how many of forty at least, or at most; of fewer comparisons as many in proportion. */
function line(what, among, test, asked) {
  const count = among.filter(test).length;
  const share = asked.atLeast ?? asked.atMost;
  const bound = (share / 40) * among.length;
  const isReached = asked.atLeast === undefined ? count <= bound : count >= bound;
  const goal = `${asked.atLeast === undefined ? "at most" : "at least"} ${share} of 40`;
  return `| ${what} | ${count} of ${among.length} | ${goal} | ${among.length === 0 ? "" : isReached ? "reached" : "missed"} |`;
}

function counts({ same, work, tail, bisect }) {
  return [
    "| what was compared | so many | asked | |",
    "|---|---:|---:|---|",
    line("A against A: slower or faster on either", same, (one) => isCalled(one, "slower", "faster"), { atMost: 2 }),
    line("5 % more work: slower on CPU time", work, (one) => wordOf(one, "cpu") === "slower", { atLeast: 38 }),
    line("5 % more work: slower on throughput", work, (one) => wordOf(one, "throughput") === "slower", { atLeast: 34 }),
    line("5 % more work: interval of CPU time holds +5 %", work, (one) => holds(one, "cpu", MORE_WORK), {
      atLeast: 36,
    }),
    line("tail of 1 % by 50 ms: p99.9 slower", tail, (one) => wordOf(one, "p99.9") === "slower", { atLeast: 40 }),
    line("the same: slower on throughput", tail, (one) => wordOf(one, "throughput") === "slower", { atMost: 0 }),
    line("one planted change among 16: found", bisect, ({ result, sought }) => result.firstBad === sought, {
      atLeast: 40,
    }),
  ];
}

const sorted = (figures) => [...figures].sort((a, b) => a - b);
const median = (figures) => sorted(figures)[figures.length >> 1] ?? Number.NaN;
const percent = (ratio) => `${(100 * (ratio - 1)).toFixed(1)} %`;

function spread(name, outcomes, metric) {
  const rows = outcomes.map((one) => rowOf(one, metric)).filter((row) => row !== undefined);
  if (rows.length === 0) return [];
  const estimates = sorted(rows.map(({ ratio }) => ratio.estimate));
  const widths = rows.map(({ ratio }) => (ratio.high - ratio.low) / 2);
  const range = `${percent(estimates[0])} … ${percent(estimates.at(-1))}`;
  return [
    `| ${name}, ${metric} | ${percent(median(estimates))} | ${range} | ± ${(100 * median(widths)).toFixed(1)} % |`,
  ];
}

export function table(outcomes, { rounds, measureMs }) {
  const kinds = { same: [], work: [], tail: [], bisect: [] };
  for (const outcome of outcomes) {
    const pair = outcome.record && compareRecord(outcome.record).pairs[0];
    kinds[outcome.kind]?.push({ ...outcome, pair });
  }
  const compared = [...kinds.same, ...kinds.work, ...kinds.tail];
  const machine = compared[0]?.record.machine;
  return [
    ...(machine === undefined
      ? []
      : [
          `> Node.js ${machine.node}, ${machine.cores} × ${machine.cpu}; ${rounds} rounds of ${measureMs} ms, put-4KiB`,
          "",
        ]),
    ...counts(kinds),
    ...(compared.length === 0 ? [] : ["", ...estimates(kinds), "", ...circumstances(compared)]),
  ].join("\n");
}

function estimates({ same, work }) {
  return [
    "| estimates | median | from … to | half an interval, median |",
    "|---|---:|---:|---:|",
    ...["cpu", "throughput"].flatMap((metric) => [
      ...spread("A against A", same, metric),
      ...spread("5 % more work", work, metric),
    ]),
  ];
}

function circumstances(compared) {
  const seconds = compared.map((one) => one.seconds);
  const warned = compared.filter(({ record }) => record.warnings.length > 0).length;
  return [
    `A comparison took ${median(seconds).toFixed(0)} s, the longest ${Math.max(...seconds).toFixed(0)} s. ` +
      `${warned} of ${compared.length} warned that the machine was not fit.`,
    ...warnings(compared),
  ];
}

function warnings(compared) {
  const counted = new Map();
  for (const { record } of compared) {
    for (const warning of record.warnings) {
      const kind = warning.replace(/[\d.,]+/g, "…");
      counted.set(kind, (counted.get(kind) ?? 0) + 1);
    }
  }
  return [...counted].map(([kind, count]) => `- ${count} ×: ${kind}`);
}
