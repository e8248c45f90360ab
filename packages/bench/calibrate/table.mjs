/** What a calibration has shown so far, against what is asked of it, as Markdown for a document. */

import { compareRecord } from "@evertoken/bench";

/**
 * Kinds of comparisons, of what is planted with a base. `times`, `rounds`: fewer than the others. With few operations under way, those that wait would
 * be missing from the others, and a tail would be a loss of throughput in truth; with that many, a round takes longer.
 */
export const MEASURED = {
  same: { base: "base", planted: "base", inFlight: 32 },
  work: { base: "counted", planted: "five-percent", inFlight: 32 },
  twice: { base: "counted", planted: "twice", inFlight: 32, times: 4 },
  tail: { base: "base", planted: "slow-tail", inFlight: 256, times: 2, rounds: 6 },
  bisect: { base: "base", planted: "a-fifth", times: 1 },
};

/** One operation in so many is done twice by the client with more work. */
const ONE_IN = 20;

/** How sure to be of the range that the true share lies in. */
const CONFIDENCE = 0.95;

const rowOf = ({ pair }, metric) => pair.rows.find((row) => row.metric === metric);
const wordOf = (one, metric) => rowOf(one, metric)?.judgement.word;
const holds = (one, metric, truth) => {
  const { low, high } = rowOf(one, metric)?.ratio ?? {};
  return low <= truth && truth <= high;
};
const isCalled = (one, ...words) =>
  one.pair.rows.some(({ judged, judgement }) => judged && words.includes(judgement.word));

/**
 * The range of shares that such a count is not too few or too many for: Clopper and Pearson's, which errs on the wide side.
 * @see Clopper & Pearson, Biometrika 26 (1934)
 */
export function rangeOf(count, among) {
  const beyond = (1 - CONFIDENCE) / 2;
  return {
    low: count === 0 ? 0 : shareWhere((share) => atLeast(count, among, share) < beyond),
    high: count === among ? 1 : shareWhere((share) => 1 - atLeast(count + 1, among, share) > beyond),
  };
}

/** The chance of so many or more. */
function atLeast(count, among, share) {
  let [chance, ways] = [0, 1];
  for (let some = 0; some <= among; some += 1) {
    if (some >= count) chance += ways * share ** some * (1 - share) ** (among - some);
    ways *= (among - some) / (some + 1);
  }
  return chance;
}

/** Up to where it holds, by halving. */
function shareWhere(holdsAt) {
  let [low, high] = [0, 1];
  for (let step = 0; step < 50; step += 1) {
    const middle = (low + high) / 2;
    if (holdsAt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** @param asked how many of forty at least, or at most. Missed only where that share is out of the range of what was seen. */
function line(what, among, test, asked) {
  const count = among.filter(test).length;
  const isFloor = asked.atLeast !== undefined;
  const goal = `${isFloor ? "at least" : "at most"} ${asked.atLeast ?? asked.atMost} of 40`;
  if (among.length === 0) return `| ${what} | 0 of 0 | | ${goal} | |`;
  const [share, { low, high }] = [(asked.atLeast ?? asked.atMost) / 40, rangeOf(count, among.length)];
  const isReached = isFloor ? count >= share * among.length : count <= share * among.length;
  const isMissed = isFloor ? high < share : low > share;
  const word = isReached ? "reached" : isMissed ? "missed" : "open";
  const range = `${(100 * low).toFixed(0)} … ${(100 * high).toFixed(0)} %`;
  return `| ${what} | ${count} of ${among.length} | ${range} | ${goal} | ${word} |`;
}

/** By how much more CPU time the planted work is, as far as it was measured. */
function plantedOf(twice) {
  const logs = twice.flatMap((one) => rowOf(one, "cpu")?.ratio ?? []).map(({ estimate }) => Math.log(estimate));
  if (logs.length === 0) return 1 + 1 / ONE_IN;
  return 1 + (Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length) - 1) / ONE_IN;
}

function counts({ same, work, twice, tail, bisect }) {
  const planted = plantedOf(twice);
  return [
    "| what was compared | so many | true share | asked | |",
    "|---|---:|---:|---:|---|",
    line("A against A: slower or faster on either", same, (one) => isCalled(one, "slower", "faster"), { atMost: 2 }),
    line("5 % more work: slower on CPU time", work, (one) => wordOf(one, "cpu") === "slower", { atLeast: 38 }),
    line("5 % more work: slower on throughput", work, (one) => wordOf(one, "throughput") === "slower", { atLeast: 34 }),
    line(`5 % more work: interval of CPU time holds +${percent(planted)}`, work, (one) => holds(one, "cpu", planted), {
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

export function table(outcomes) {
  const kinds = Object.fromEntries(Object.keys(MEASURED).map((kind) => [kind, []]));
  for (const outcome of outcomes) {
    const pair = outcome.record && compareRecord(outcome.record).pairs[0];
    kinds[outcome.kind]?.push({ ...outcome, pair });
  }
  const compared = [...kinds.same, ...kinds.work, ...kinds.twice, ...kinds.tail];
  return [
    ...(compared.length === 0 ? [] : [`> ${where(compared[0].record)}`, ""]),
    ...counts(kinds),
    ...(compared.length === 0 ? [] : ["", ...estimates(kinds), "", ...circumstances(compared)]),
  ].join("\n");
}

function where({ machine, settings }) {
  const { rounds, measureMs, warmUpMs } = settings;
  return (
    `Node.js ${machine.node}, ${machine.cores} × ${machine.cpu}; put-4KiB, ` +
    `${rounds} rounds of ${measureMs} ms after a warm-up of at most ${warmUpMs} ms`
  );
}

function estimates({ same, work, twice }) {
  return [
    "| estimates | median | from … to | half an interval, median |",
    "|---|---:|---:|---:|",
    ...["cpu", "throughput"].flatMap((metric) => [
      ...spread("A against A", same, metric),
      ...spread("5 % more work", work, metric),
      ...spread("all of it twice", twice, metric),
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
