/**
 * Which of many releases brought a loss? Halving, with measurements to ask.
 *
 * The good end against the bad end says how large the loss is. A release in between is bad when it has more than half of it and
 * good when it has less, which an interval decides that lies wholly on one side. When it lies on neither, more rounds are
 * measured; when those do not help, the release is passed over, as one is that cannot be installed or does not work.
 *
 * Every release is measured beside the good end, in the same rounds: figures of an hour ago compare with nothing.
 */

import { EvertokenError } from "@evertoken/core";
import type { BenchRecord } from "../record.js";
import type { Interval } from "../statistics/bootstrap.js";
import { compareRecord, DEFAULT_MARGIN, type Pair } from "../verdict/comparison.js";
import type { MetricName } from "../verdict/metrics.js";
import { joined } from "./joined.js";

export interface BisectOptions {
  /** Oldest first. The first is good, the last is bad. */
  readonly specs: readonly string[];
  /** Measures two of them beside each other, a fixed number of rounds each time. Throws to end it all. */
  readonly measure: (a: string, b: string) => Promise<BenchRecord>;
  /** What has become worse. Default `cpu`, the steadiest. */
  readonly metric?: MetricName | undefined;
  /** A loss below it is none. Default 0.03. */
  readonly margin?: number | undefined;
  /** The chance that no step goes the wrong way, at least. Default 0.95. */
  readonly confidence?: number | undefined;
  /** How often one release is measured before it is passed over, each time with as many rounds again. Default 3. */
  readonly looks?: number | undefined;
  readonly onStep?: ((step: BisectStep) => void) | undefined;
}

export interface BisectStep {
  readonly spec: string;
  readonly against: string;
  readonly outcome: "good" | "bad" | "passed over";
  /** Why it was passed over. */
  readonly why?: string;
  /** Of the metric: this release by the good one. Missing when it could not be measured. */
  readonly ratio?: Interval;
  readonly rounds: number;
}

export interface BisectResult {
  /** `no loss`: the bad end is no worse than the good one. */
  readonly verdict: "found" | "no loss" | "cannot tell";
  readonly metric: MetricName;
  /** The bad end by the good one. */
  readonly whole?: Interval;
  readonly lastGood: string;
  readonly firstBad: string;
  /** Between the two, and passed over: it may be one of these as well. */
  readonly between: readonly string[];
  /** The first bad one by the last good one, measured beside each other. */
  readonly change?: Interval;
  readonly why?: string;
  readonly steps: readonly BisectStep[];
}

/** The release that the others are compared with does not work. */
export class NothingToCompareWithError extends EvertokenError {
  override readonly code = "NOTHING_TO_COMPARE_WITH";
}

const DEFAULT_CONFIDENCE = 0.95;
const DEFAULT_LOOKS = 3;

export async function bisect(options: BisectOptions): Promise<BisectResult> {
  return new Search(options).run();
}

class Search {
  readonly #options: BisectOptions;
  readonly #metric: MetricName;
  readonly #looks: number;
  /** Of each look: all of them together go wrong no more often than was asked for. */
  readonly #lookConfidence: number;
  readonly #steps: BisectStep[] = [];

  constructor(options: BisectOptions) {
    const { specs, metric = "cpu", confidence = DEFAULT_CONFIDENCE, looks = DEFAULT_LOOKS } = options;
    if (specs.length < 2) throw new RangeError("bisect: specs must have a good end and a bad one");
    this.#options = options;
    this.#metric = metric;
    this.#looks = looks;
    const most = Math.ceil(Math.log2(specs.length)) + 1;
    this.#lookConfidence = 1 - (1 - confidence) / (most * looks);
  }

  async run(): Promise<BisectResult> {
    const { specs } = this.#options;
    let [good, bad] = [0, specs.length - 1];
    const ends = await this.#look(good, bad, (pair) => pair.verdict !== "cannot tell");
    const whole = this.#ratioOf(ends);
    const found = { metric: this.#metric, ...(whole === undefined ? {} : { whole }) };
    if (ends.verdict !== "slower" || whole === undefined) {
      const verdict = ends.verdict === "cannot tell" ? "cannot tell" : "no loss";
      const why = ends.refused.length > 0 ? { why: ends.refused.join("; ") } : {};
      return { verdict, ...found, ...why, ...this.#span(good, bad, new Set()) };
    }
    const half = Math.log(whole.estimate) / 2;
    const passedOver = new Set<number>();
    for (let next = middle(good, bad, passedOver); next !== undefined; next = middle(good, bad, passedOver)) {
      const step = await this.#step(next, half);
      if (step.outcome === "good") good = next;
      else if (step.outcome === "bad") bad = next;
      else passedOver.add(next);
    }
    const change =
      good === 0 ? this.#steps.find(({ spec }) => spec === specs[bad])?.ratio : await this.#confirm(good, bad);
    return { verdict: "found", ...found, ...this.#span(good, bad, passedOver), change: change ?? whole };
  }

  #span(good: number, bad: number, passedOver: ReadonlySet<number>) {
    const { specs } = this.#options;
    const between = specs.filter((_, index) => index > good && index < bad && passedOver.has(index));
    return { lastGood: specs[good] as string, firstBad: specs[bad] as string, between, steps: this.#steps };
  }

  async #step(index: number, half: number): Promise<BisectStep> {
    const side = (pair: Pair) => sideOf(this.#ratioOf(pair), half);
    const pair = await this.#look(0, index, (seen) => seen.refused.length > 0 || side(seen) !== undefined);
    const step: BisectStep = { ...this.#outcome(pair, side(pair)), ...this.#measured(0, index, pair) };
    this.#steps.push(step);
    this.#options.onStep?.(step);
    return step;
  }

  #outcome({ refused, rounds }: Pair, side: "good" | "bad" | undefined): Pick<BisectStep, "outcome" | "why"> {
    if (refused.length > 0) return { outcome: "passed over", why: refused.join("; ") };
    if (side !== undefined) return { outcome: side };
    return { outcome: "passed over", why: `${rounds} rounds do not tell on which side it lies` };
  }

  #measured(a: number, b: number, pair: Pair) {
    const { specs } = this.#options;
    const ratio = this.#ratioOf(pair);
    return {
      spec: specs[b] as string,
      against: specs[a] as string,
      ...(ratio === undefined ? {} : { ratio }),
      rounds: pair.rounds,
    };
  }

  async #confirm(good: number, bad: number): Promise<Interval | undefined> {
    return this.#ratioOf(await this.#look(good, bad, () => true));
  }

  /** Measures until it is enough, or has been as often as it may. */
  async #look(a: number, b: number, isEnough: (pair: Pair) => boolean): Promise<Pair> {
    const { specs, margin = DEFAULT_MARGIN } = this.#options;
    const records: BenchRecord[] = [];
    for (;;) {
      const record = await this.#options.measure(specs[a] as string, specs[b] as string);
      const failure = record.candidates[0]?.failure;
      if (failure !== undefined) throw new NothingToCompareWithError(`${specs[a]} takes no part: ${failure}`);
      records.push(record);
      const { pairs } = compareRecord(joined(records), {
        margin,
        confidence: this.#lookConfidence,
        judged: [this.#metric],
        judgedOnly: true,
      });
      const pair = pairs[0] as Pair;
      if (pair.refused.length > 0 || isEnough(pair) || records.length >= this.#looks) return pair;
    }
  }

  #ratioOf({ rows }: Pair): Interval | undefined {
    return rows.find(({ metric }) => metric === this.#metric)?.ratio;
  }
}

/** On which side of half of the loss an interval lies, wholly. `half` has the loss's sign. */
function sideOf(ratio: Interval | undefined, half: number): "good" | "bad" | undefined {
  if (ratio === undefined) return undefined;
  const ends = [Math.log(ratio.low), Math.log(ratio.high)].map((log) => log * Math.sign(half));
  if (ends.every((end) => end < Math.abs(half))) return "good";
  if (ends.every((end) => end > Math.abs(half))) return "bad";
  return undefined;
}

/** Of those left between the two, the one next to the middle. */
function middle(good: number, bad: number, passedOver: ReadonlySet<number>): number | undefined {
  const centre = (good + bad) / 2;
  const left = Array.from({ length: Math.max(0, bad - good - 1) }, (_, index) => good + 1 + index);
  return left.filter((index) => !passedOver.has(index)).sort((x, y) => Math.abs(x - centre) - Math.abs(y - centre))[0];
}
