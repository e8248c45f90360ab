/** What every command that measures can be told, and how it measures. */

import { createInterface } from "node:readline/promises";
import {
  type BenchRecord,
  type BenchSettings,
  CASE_NAMES,
  CHECKSUMS,
  DEFAULTS,
  NotConfirmedError,
  parseCases,
  readWorkload,
  runBench,
} from "@evertoken/bench";
import { InvalidInputError } from "@evertoken/core";
import { type Command, Option } from "commander";
import { decimal, wholeNumber } from "../command.js";
import { startProgress } from "./progress.js";

export interface MeasuringOptions {
  readonly case?: readonly string[];
  readonly workload?: string;
  readonly inMemory?: true;
  readonly rounds: number;
  readonly measure: number;
  readonly warmUp: number;
  readonly seed: number;
  readonly inFlight?: number;
  readonly arrivals?: number;
  readonly https?: true;
  readonly checksum: string;
  readonly target: string;
  readonly bucket?: string;
  readonly region?: string;
  readonly yes?: true;
}

/** How errors about these options are worded: see `inFlags`. */
export const MEASURING_WORDING = {
  of: ["settings of the bench", "cases of the bench"],
  flags: {
    cases: "--case",
    measureMs: "--measure",
    warmUpMs: "--warm-up",
    arrivalsPerSecond: "--arrivals",
    tls: "--https",
  },
};

const DEFAULT_CASE = "put-4KiB";

export function addMeasuringOptions(command: Command): Command {
  return command
    .option(
      "--case <names...>",
      `what is measured: ${CASE_NAMES.join(", ")}, other sizes alike (default: ${DEFAULT_CASE})`,
    )
    .option("--workload <file>", "cases of a workload file of awslabs' aws-crt-s3-benchmarks (*.run.json)")
    .option("--in-memory", "take a workload whose files are on disk, and keep their bytes in memory")
    .option(
      "--rounds <count>",
      "rounds, each a process of its own per candidate",
      wholeNumber(1, 1000),
      DEFAULTS.rounds,
    )
    .option("--measure <ms>", "how long each is measured", wholeNumber(100, 600_000), DEFAULTS.measureMs)
    .option("--warm-up <ms>", "how long it may warm up, at most", wholeNumber(0, 600_000), DEFAULTS.warmUpMs)
    .option(
      "--in-flight <count>",
      "operations under way at a time (default: 32; fewer for large objects)",
      wholeNumber(1, 1000),
    )
    .option("--arrivals <per second>", "operations begin at this rate, whatever the answers do", decimal(0.1, 100_000))
    .option("--https", "over TLS")
    .addOption(new Option("--checksum <algorithm>", "what requests carry").choices(CHECKSUMS).default("default"))
    .option("--target <target>", "discard, simulator, or an endpoint: http(s)://host[:port]", DEFAULTS.target)
    .option("--bucket <name>", "at an endpoint: where to write; what was written is removed in the end")
    .option("--region <name>", "at an endpoint")
    .option("--yes", "write to an endpoint that is not on this machine without asking")
    .option(
      "--seed <number>",
      "repeats the order of candidates, keys and draws",
      wholeNumber(0, 2 ** 31),
      DEFAULTS.seed,
    );
}

/** @throws InvalidInputError naming what is wrong. */
export async function settingsOf(options: MeasuringOptions): Promise<BenchSettings> {
  const { rounds, measure: measureMs, warmUp: warmUpMs, seed, target, bucket, region } = options;
  const isEndpoint = /^https?:/.test(target);
  const load = {
    inFlight: options.inFlight,
    arrivalsPerSecond: options.arrivals,
    tls: options.https ?? (isEndpoint && target.startsWith("https:")),
  };
  const where = { ...(bucket === undefined ? {} : { bucket }), ...(region === undefined ? {} : { region }) };
  const cases = await casesOf(options, load);
  return { cases, rounds, measureMs, warmUpMs, seed, target, ...where };
}

async function casesOf(
  options: MeasuringOptions,
  load: {
    readonly inFlight: number | undefined;
    readonly arrivalsPerSecond: number | undefined;
    readonly tls: boolean;
  },
) {
  const { workload, inMemory, checksum } = options;
  if (workload === undefined) return parseCases(options.case ?? [DEFAULT_CASE], { ...load, checksum });
  if (options.case === undefined) return readWorkload(workload, { ...load, inMemory });
  throw new InvalidInputError("evertoken bench", [
    { field: "--workload", message: "is given together with --case: expected one of the two" },
  ]);
}

/**
 * Measures, and shows how far it is. Interrupted, it returns what there is.
 * @throws the signal's reason when it was interrupted before anything was measured; InvalidInputError when nobody allowed it to write.
 */
export async function measure(
  settings: BenchSettings,
  candidates: readonly string[],
  { yes, signal }: { readonly yes?: true | undefined; readonly signal: AbortSignal },
): Promise<BenchRecord> {
  const progress = startProgress(process.stderr);
  try {
    return await runBench(settings, candidates, {
      signal,
      onProgress: (step) => progress.show(step),
      confirm: async (where) => {
        progress.clear();
        return yes ?? ask(where, signal);
      },
    });
  } catch (error) {
    if (!(error instanceof NotConfirmedError)) throw error;
    throw new InvalidInputError("evertoken bench", [{ field: "--yes", message: `is missing: ${error.message}` }]);
  } finally {
    progress.clear();
  }
}

async function ask(
  { endpoint, bucket, prefix }: { endpoint: string; bucket: string; prefix: string },
  signal: AbortSignal,
) {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = `This writes objects under ${prefix} of bucket ${bucket} at ${endpoint}, and removes them in the end. Go on? [y/N] `;
    return /^y(es)?$/i.test((await terminal.question(question, { signal })).trim());
  } finally {
    terminal.close();
  }
}
