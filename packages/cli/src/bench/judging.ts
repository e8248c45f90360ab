/** What every command that judges can be told. */

import { type CompareOptions, METRIC_NAMES, type MetricName, type Word } from "@evertoken/bench";
import { type Command, InvalidArgumentError, Option } from "commander";
import { EXIT } from "../command.js";

export interface JudgingOptions {
  readonly margin: number;
  readonly confidence: number;
  readonly judge?: readonly MetricName[];
}

export function addJudgingOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--margin <percent>", "a loss that matters").argParser(percentage(0.1, 50)).default(0.03, "3%"),
    )
    .addOption(
      new Option(
        "--confidence <percent>",
        "how sure to be that nothing in the report is called slower or faster that is not",
      )
        .argParser(percentage(50, 99.9))
        .default(0.98, "98%"),
    )
    .addOption(
      new Option(
        "--judge <figures...>",
        "what the verdict comes from (default: throughput cpu; with --arrivals p50 cpu)",
      ).choices(METRIC_NAMES),
    );
}

export function compareOptions({ margin, confidence, judge }: JudgingOptions): CompareOptions {
  return { margin, confidence, judged: judge };
}

/** For commander: `3%` or `3`, as a share. */
export function percentage(min: number, max: number): (text: string) => number {
  return (text) => {
    const [, digits] = /^(\d+(?:\.\d+)?) ?%?$/.exec(text) ?? [];
    const percent = Number(digits);
    if (percent >= min && percent <= max) return percent / 100;
    throw new InvalidArgumentError(`expected a percentage from ${min}% to ${max}%.`);
  };
}

export const EXIT_BY_WORD: Readonly<Record<Word, number>> = {
  slower: EXIT.failed,
  faster: EXIT.ok,
  "no worse": EXIT.ok,
  "cannot tell": EXIT.cannotTell,
};
