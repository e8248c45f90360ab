import { describe, expect, it } from "vitest";
import type { BenchRecord, Measurement } from "../src/record.js";
import { compareRecord, type Pair } from "../src/verdict/comparison.js";
import type { Row } from "../src/verdict/rows.js";
import { judge } from "../src/verdict/rule.js";
import { CASE, generateRecord, type Truth } from "./generated.js";

const quick = (truth: Truth) => generateRecord({ withLatencies: false, ...truth });
const pairOf = (record: BenchRecord, options = {}): Pair => compareRecord(record, options).pairs[0] as Pair;
/** Of what is judged only: other figures are most of the work. */
const judgedPairOf = (record: BenchRecord): Pair => pairOf(record, { judgedOnly: true });
const rowOf = (pair: Pair, metric: string): Row => pair.rows.find((row) => row.metric === metric) as Row;
const words = (pairs: readonly Pair[], metric: string) => pairs.map((pair) => rowOf(pair, metric).judgement.word);
const count = <T>(all: readonly T[], ...of: readonly T[]) => all.filter((one) => of.includes(one)).length;
/** As many comparisons of different seeds. */
const many = (times: number, truth: Truth) =>
  Array.from({ length: times }, (_, seed) => judgedPairOf(quick({ ...truth, seed: seed + 1 })));
const changed = (
  record: BenchRecord,
  candidate: number,
  change: (m: Measurement) => Partial<Measurement>,
): BenchRecord => ({
  ...record,
  measurements: record.measurements.map((one) => (one.candidate === candidate ? { ...one, ...change(one) } : one)),
});

describe("the rule", () => {
  const interval = (low: number, estimate: number, high: number) => ({
    logRatio: { low: Math.log(low), estimate: Math.log(estimate), high: Math.log(high) },
    margin: 0.03,
    rounds: 12,
  });

  it.each([
    ["slower", 1.02, 1.05, 1.08, "without doubt worse, and by the margin as far as one can tell"],
    ["slower", 1.04, 1.05, 1.06, "worse by more than the margin"],
    ["faster", 0.92, 0.95, 0.98, "without doubt better"],
    ["no worse", 0.98, 1.0, 1.02, "a loss of the margin is ruled out"],
    ["no worse", 1.005, 1.015, 1.025, "a loss that is certain, and certainly too small to matter"],
    ["no worse", 0.97, 0.985, 0.999, "a gain too small to be called one"],
    ["no worse", 0.9, 0.96, 1.01, "a gain that is not certain, but a loss is ruled out"],
    ["cannot tell", 0.97, 1.01, 1.05, "both a loss and none are possible"],
    ["cannot tell", 0.99, 1.04, 1.09, "a loss that may be none"],
    ["cannot tell", 1.001, 1.02, 1.04, "a loss that is certain, on this or that side of the margin"],
  ])("says %s for CPU time of %d … %d … %d: %s", (word, low, estimate, high) => {
    expect(judge({ ...interval(low, estimate, high), better: "lower" }).word).toBe(word);
  });

  it("turns round for what is better when it is more", () => {
    expect(judge({ ...interval(0.93, 0.95, 0.97), better: "higher" }).word).toBe("slower");
    expect(judge({ ...interval(1.03, 1.05, 1.07), better: "higher" }).word).toBe("faster");
    expect(judge({ ...interval(0.98, 1.0, 1.02), better: "higher" }).word).toBe("no worse");
  });

  it("estimates how many rounds more will do, and does not where no number of rounds would", () => {
    const near = judge({ ...interval(0.97, 1.0, 1.035), better: "lower" });
    const far = judge({ ...interval(0.9, 1.0, 1.1), better: "lower" });
    const onTheLine = judge({ ...interval(0.99, 1.0299, 1.07), better: "lower" });

    expect(near.moreRounds).toBeGreaterThan(0);
    expect(far.moreRounds).toBeGreaterThan(near.moreRounds ?? Number.NaN);
    expect(onTheLine).toEqual({ word: "cannot tell" });
  });

  it("cannot tell without figures", () => {
    expect(judge({ ...interval(0, 1, Number.POSITIVE_INFINITY), better: "lower" })).toEqual({ word: "cannot tell" });
    expect(judge({ ...interval(Number.NaN, Number.NaN, Number.NaN), better: "lower" })).toEqual({
      word: "cannot tell",
    });
  });
});

describe("a comparison of two candidates", () => {
  it("calls equals slower or faster no more often than it promises, however restless the machine", () => {
    for (const truth of [{}, { processNoise: 0.03 }, { processNoise: 0.06, driftNoise: 0.1, sliceCorrelation: 0.9 }]) {
      const pairs = many(150, truth);
      // 2 % are promised; with that, 9 of 150 happen once in three hundred times.
      expect(
        count(
          pairs.map(({ verdict }) => verdict),
          "slower",
          "faster",
        ),
      ).toBeLessThanOrEqual(8);
    }
  });

  it("sees 5 % more work in CPU time and throughput, and its interval holds the planted size", () => {
    const pairs = many(40, { moreWork: 0.05 });

    expect(count(words(pairs, "cpu"), "slower")).toBeGreaterThanOrEqual(38);
    expect(count(words(pairs, "throughput"), "slower")).toBeGreaterThanOrEqual(34);
    const holds = ({ ratio }: Row, truth: number) => ratio.low <= truth && truth <= ratio.high;
    expect(pairs.filter((pair) => holds(rowOf(pair, "cpu"), 1.05)).length).toBeGreaterThanOrEqual(36);
    expect(pairs.filter((pair) => holds(rowOf(pair, "throughput"), 1 / 1.05)).length).toBeGreaterThanOrEqual(36);
  });

  it("sees as much less work as a gain", () => {
    const pairs = many(40, { moreWork: -0.06 });

    expect(
      count(
        pairs.map(({ verdict }) => verdict),
        "faster",
      ),
    ).toBeGreaterThanOrEqual(36);
  });

  it("names the rounds that will do: with them, most comparisons that could not tell can", () => {
    const undecided = Array.from({ length: 40 }, (_, index) => index + 1)
      .map((seed) => ({ seed, pair: judgedPairOf(quick({ seed, processNoise: 0.03 })) }))
      .filter(({ pair }) => pair.verdict === "cannot tell" && pair.moreRounds !== undefined);
    expect(undecided.length).toBeGreaterThan(10);

    const settled = undecided.filter(({ seed, pair }) => {
      const rounds = pair.rounds + (pair.moreRounds ?? 0);
      return judgedPairOf(quick({ seed: seed + 1000, processNoise: 0.03, rounds })).verdict !== "cannot tell";
    });

    expect(settled.length / undecided.length).toBeGreaterThan(0.6);
  });

  it("shows a tail of 1 % in the p99.9, and does not call it a loss of throughput", () => {
    const pair = pairOf(generateRecord({ cpuSeconds: 0.0002, tail: { share: 0.01, ms: 50 } }));

    expect(rowOf(pair, "p99.9").judgement.word).toBe("slower");
    expect(rowOf(pair, "p99.9").b - rowOf(pair, "p99.9").a).toBeGreaterThan(30_000);
    expect(rowOf(pair, "throughput").judgement.word).toBe("no worse");
    expect(pair.verdict).toBe("no worse");
  });

  it("judges the tail when it was told to beforehand", () => {
    const pair = pairOf(generateRecord({ cpuSeconds: 0.0002, tail: { share: 0.01, ms: 50 } }), { judged: ["p99.9"] });

    expect(pair.verdict).toBe("slower");
  });

  it("shares its certainty out among cases, and the figures of one keep it together", () => {
    const record = quick({});
    const other = { ...CASE, name: "put-64KiB" };
    const both: BenchRecord = {
      ...record,
      settings: { ...record.settings, cases: [CASE, other] },
      measurements: [...record.measurements, ...record.measurements.map((one) => ({ ...one, case: other.name }))],
    };

    const [one, two] = [compareRecord(record), compareRecord(both)];

    expect(one.judgedConfidence).toBeCloseTo(0.98, 10);
    expect(two.judgedConfidence).toBeCloseTo(0.99, 10);
    const width = ({ ratio }: Row) => ratio.high - ratio.low;
    const cpuOf = (pair: Pair | undefined) => rowOf(pair as Pair, "cpu");
    expect(width(cpuOf(two.pairs[0]))).toBeGreaterThan(width(cpuOf(one.pairs[0])));
  });

  it("is the same again for the same record", () => {
    expect(compareRecord(generateRecord())).toEqual(compareRecord(generateRecord()));
  });

  it("judges the median latency, not the throughput, when arrivals come at a fixed rate", () => {
    const record = generateRecord({ rounds: 12 });
    const open = { ...CASE, arrivalsPerSecond: 1000 };
    const pair = pairOf({ ...record, settings: { ...record.settings, cases: [open] } });

    expect(pair.rows.filter(({ judged }) => judged).map(({ metric }) => metric)).toEqual(["cpu", "p50"]);
  });
});

describe("a comparison that deserves doubt", () => {
  const slower = () => quick({ moreWork: 0.2 });

  it("gives no verdict on figures of a candidate whose operations fail, however fast it was", () => {
    const record = changed(quick({ moreWork: -0.5 }), 1, ({ operations }) => ({
      failures: { SlowDown: Math.round(operations / 10), TimeoutError: 1 },
    }));

    const pair = pairOf(record);

    expect(pair.verdict).toBe("cannot tell");
    expect(pair.refused).toEqual([
      expect.stringMatching(/^9\.\d % of B \(sdk@latest\)'s operations failed \(SlowDown \d+, TimeoutError 12\)/),
    ]);
  });

  it("lets a handful of failures pass, which the margin outweighs", () => {
    expect(pairOf(changed(slower(), 1, () => ({ failures: { TimeoutError: 1 } }))).verdict).toBe("slower");
  });

  it("gives no verdict on a candidate that takes no part, and says why it does not", () => {
    const record = slower();
    const candidates = [record.candidates[0], { spec: "sdk@3.0.0", failure: "npm could not install it" }];

    const pair = pairOf({ ...record, candidates: candidates as BenchRecord["candidates"], measurements: [] });

    expect(pair.verdict).toBe("cannot tell");
    expect(pair.refused[0]).toBe("B (sdk@3.0.0) takes no part: npm could not install it");
    expect(pair.moreRounds).toBeUndefined();
  });

  it("gives no verdict where nothing succeeded", () => {
    const pair = pairOf(changed(slower(), 0, () => ({ operations: 0, failures: { AccessDenied: 900 } })));

    expect(pair.verdict).toBe("cannot tell");
    expect(pair.refused[0]).toBe("no operation of A (sdk@3.700.0) succeeded in round 1 (AccessDenied 900)");
  });

  it("compares complete rounds only, and gives no verdict on fewer than five", () => {
    const record = slower();
    const cut = (rounds: number) => ({
      ...record,
      complete: false,
      // The interruption came when one of them had been measured once more.
      measurements: record.measurements.filter(({ round, candidate }) => round < rounds + (candidate === 0 ? 1 : 0)),
    });

    expect(pairOf(cut(4))).toMatchObject({ rounds: 4, verdict: "cannot tell" });
    expect(pairOf(cut(4)).refused).toEqual(["4 of 12 rounds are complete: a verdict needs 5 or more"]);
    expect(pairOf(cut(7))).toMatchObject({ rounds: 7, verdict: "slower", refused: [] });
    expect(pairOf(cut(7)).weakened).toEqual(["only 7 of 12 rounds are complete"]);
    expect(pairOf(cut(0))).toMatchObject({ rounds: 0, verdict: "cannot tell", rows: [] });
  });

  it("gives no verdict on a quantile that only a handful of operations lie beyond", () => {
    expect(pairOf(generateRecord({ rounds: 6 }), { judged: ["p99.9"] })).toMatchObject({
      verdict: "cannot tell",
      refused: ["there are too few operations to speak of p99.9: measure longer, or more rounds"],
    });
  });

  it("repeats what made the machine unfit beside its verdict", () => {
    const record = { ...slower(), warnings: ["other processes used 60 % of the processors"] };

    expect(pairOf(record)).toMatchObject({ verdict: "slower", weakened: record.warnings });
  });

  it("doubts a client that was overrun by arrivals", () => {
    const record = slower();
    const open = { ...CASE, arrivalsPerSecond: 2000 };
    const overrun = pairOf({ ...record, settings: { ...record.settings, cases: [open] } });

    expect(overrun.weakened).toContainEqual(expect.stringMatching(/^B .* kept up with \d\d % of the arrivals/));
  });
});
