/** `evertoken bench bisect`: which release brought a loss. */

import {
  bisect,
  bisectText,
  FEWEST_ROUNDS,
  METRIC_NAMES,
  type MetricName,
  parseCandidate,
  publishedVersions,
  stepText,
} from "@evertoken/bench";
import { InvalidInputError } from "@evertoken/core";
import { type Command, Option } from "commander";
import { EXIT, untilInterrupted, wholeNumber } from "../command.js";
import { inFlags } from "../flags.js";
import { percentage } from "./judging.js";
import { addMeasuringOptions, MEASURING_WORDING, type MeasuringOptions, measure, settingsOf } from "./measuring.js";

interface Options extends MeasuringOptions {
  readonly good?: string;
  readonly bad?: string;
  readonly margin: number;
  readonly confidence: number;
  readonly judge: MetricName;
  readonly looks: number;
  readonly json?: true;
}

export function addBisectCommand(bench: Command, exit: (code: number) => void): void {
  const command = bench
    .command("bisect")
    .description("find the release of the SDK that brought a loss, or the one among candidates of your own")
    .argument("[candidates...]", "instead of --good and --bad: candidates, the oldest first, the last of them bad")
    .option("--good <version>", "a release that was still good")
    .option("--bad <version>", "a release that is bad, or a tag such as latest")
    .addOption(
      new Option("--margin <percent>", "a loss below it is none").argParser(percentage(0.1, 50)).default(0.03, "3%"),
    )
    .addOption(
      new Option("--confidence <percent>", "how sure to be that no step goes the wrong way")
        .argParser(percentage(50, 99.9))
        .default(0.95, "95%"),
    )
    .addOption(new Option("--judge <figure>", "what has become worse").choices(METRIC_NAMES).default("cpu"))
    .option("--looks <count>", "how often a release is measured before it is passed over", wholeNumber(1, 20), 3)
    .option("--json", "print the result as JSON");
  addMeasuringOptions(command)
    .addHelpText(
      "after",
      `
Each release is measured beside the good one. What cannot be installed, crashes, or cannot be told apart is passed over and named.

Example:
  $ evertoken bench bisect --good 3.700.0 --bad latest
  $ evertoken bench bisect ./builds/1.mjs ./builds/2.mjs ./builds/3.mjs --judge throughput

Exit codes: 0 found, or there is no loss; 1 the bench failed; 2 bad usage; 3 cannot tell; 130 interrupted.`,
    )
    .action(async (candidates: string[], options: Options, command: Command) => {
      exit(
        await untilInterrupted((signal) => search(candidates, options, signal), inFlags(command, MEASURING_WORDING)),
      );
    });
}

async function search(candidates: readonly string[], options: Options, signal: AbortSignal): Promise<number> {
  const settings = await settingsOf(options);
  assertUsable(candidates, options, settings.cases.length);
  const specs = await specsOf(candidates, options, signal);
  const { yes, judge: metric, margin, confidence, looks, json } = options;
  let seed = options.seed;
  const result = await bisect({
    specs,
    metric,
    margin,
    confidence,
    looks,
    measure: async (a, b) => {
      // Every look draws an order of its own.
      seed += 1;
      process.stderr.write(`${b} beside ${a}\n`);
      const record = await measure({ ...settings, seed }, [a, b], { yes, signal });
      signal.throwIfAborted();
      return record;
    },
    onStep: (step) => process.stderr.write(`${stepText(step)}\n`),
  });
  process.stdout.write(json ? `${JSON.stringify(result)}\n` : bisectText(result));
  return result.verdict === "cannot tell" ? EXIT.cannotTell : EXIT.ok;
}

function assertUsable(candidates: readonly string[], { good, bad, rounds }: Options, cases: number): void {
  const problems = [];
  const hasRange = good !== undefined && bad !== undefined;
  if (candidates.length > 0 === (good !== undefined || bad !== undefined) || (candidates.length === 0 && !hasRange)) {
    problems.push({ field: "--good and --bad", message: "expected both of them, or candidates instead" });
  }
  if (candidates.length === 1)
    problems.push({ field: candidates[0] ?? "", message: "is the only one: expected two or more" });
  if (cases !== 1) problems.push({ field: "--case", message: `names ${cases} cases: expected one` });
  if (rounds < FEWEST_ROUNDS)
    problems.push({ field: "--rounds", message: `is ${rounds}: expected ${FEWEST_ROUNDS} or more` });
  if (problems.length > 0) throw new InvalidInputError("evertoken bench bisect", problems);
  for (const candidate of candidates) parseCandidate(candidate);
}

async function specsOf(
  candidates: readonly string[],
  { good, bad }: Options,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (good === undefined || bad === undefined) return candidates;
  const versions = await publishedVersions(good, bad, { signal });
  if (versions.length < 2) {
    const message = `is ${good} as well: expected a later release`;
    throw new InvalidInputError("evertoken bench bisect", [{ field: "--bad", message }]);
  }
  process.stderr.write(`${versions.length} releases from ${versions[0]} to ${versions.at(-1)}\n`);
  return versions.map((version) => `sdk@${version}`);
}
