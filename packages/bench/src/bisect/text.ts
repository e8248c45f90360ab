/** What a bisection came to, for a person. */

import { changeText, intervalText } from "../report/figures.js";
import type { Interval } from "../statistics/bootstrap.js";
import { METRICS } from "../verdict/metrics.js";
import type { BisectResult, BisectStep } from "./bisect.js";

const withInterval = (ratio: Interval) => `${changeText(ratio.estimate)} (${intervalText(ratio)})`;

/** A step in a line, as it happens. */
export function stepText({ spec, outcome, why, ratio, rounds }: BisectStep): string {
  const figures = ratio === undefined ? "" : `  ${withInterval(ratio)}, ${rounds} rounds`;
  return `${spec.padEnd(24)} ${outcome.padEnd(11)}${figures}${why === undefined ? "" : `  ${why}`}`.trimEnd();
}

export function bisectText(result: BisectResult): string {
  const { metric, whole, lastGood, firstBad, between, change, why } = result;
  const title = METRICS.find(({ name }) => name === metric)?.title ?? metric;
  const overall = whole === undefined ? "" : `: ${title} ${withInterval(whole)}`;
  switch (result.verdict) {
    case "no loss":
      return `${firstBad} is no worse than ${lastGood}${overall}. There is nothing to look for.\n`;
    case "cannot tell":
      return `Cannot tell whether ${firstBad} is worse than ${lastGood}${overall}${why === undefined ? "" : `: ${why}`}.\n`;
    case "found":
      return [
        between.length === 0
          ? `${firstBad} brought it.`
          : `It came with ${firstBad}, or with one before it that was passed over: ${between.join(", ")}.`,
        change === undefined ? "" : `Against ${lastGood}: ${title} ${withInterval(change)}.`,
        "",
      ]
        .filter((line, index) => line !== "" || index === 2)
        .join("\n");
  }
}
