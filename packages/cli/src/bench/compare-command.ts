/** `evertoken bench compare`: is B slower than A, by how much, and how sure is that. */

import type { Command } from "commander";
import { EXIT, untilInterrupted } from "../command.js";
import { inFlags } from "../flags.js";
import { addJudgingOptions, EXIT_BY_WORD, type JudgingOptions } from "./judging.js";
import { addMeasuringOptions, MEASURING_WORDING, type MeasuringOptions, measure, settingsOf } from "./measuring.js";
import {
  addOutputOptions,
  addSavingOptions,
  assertOnePrinted,
  assertSavable,
  keep,
  type OutputOptions,
  report,
  type SavingOptions,
} from "./outputs.js";

type Options = MeasuringOptions & JudgingOptions & OutputOptions & SavingOptions;

export function addCompareCommand(bench: Command, exit: (code: number) => void): void {
  const compare = bench
    .command("compare")
    .description("measure candidates beside each other: each against the first")
    .argument("<A>", "what you have")
    .argument("<B...>", "what you think of having");
  addSavingOptions(addOutputOptions(addJudgingOptions(addMeasuringOptions(compare))))
    .addHelpText(
      "after",
      `
Verdicts: slower, faster, no worse, cannot tell. docs/bench.md says what each stands on.

Example:
  $ evertoken bench compare sdk@3.700.0 sdk@latest
  $ evertoken bench compare sdk@latest sdk@latest+undici pool pool+fast --case put-4KiB put-1MiB --html report.html
  $ evertoken bench compare sdk@latest ./my-client.mjs --margin 5% --rounds 20 --markdown comment.md
  $ evertoken bench compare sdk@3.700.0 sdk@latest --target https://s3.eu-central-1.amazonaws.com --region eu-central-1 \\
      --bucket my-bench-bucket --arrivals 50

Exit codes: 0 faster, or no worse; 1 slower, or the bench failed; 2 bad usage; 3 cannot tell;
            130 interrupted: what was measured is kept and reported, what was written is removed.`,
    )
    .action(async (a: string, others: string[], options: Options, command: Command) => {
      exit(
        await untilInterrupted(
          (signal) => compareCandidates([a, ...others], options, signal),
          inFlags(command, MEASURING_WORDING),
        ),
      );
    });
}

async function compareCandidates(
  candidates: readonly string[],
  options: Options,
  signal: AbortSignal,
): Promise<number> {
  assertOnePrinted(options);
  await assertSavable(options);
  const settings = await settingsOf(options);
  const record = await measure(settings, candidates, { yes: options.yes, signal });
  const file = await keep(record, options);
  const { verdict } = await report(record, options, file);
  return signal.aborted ? EXIT.interrupted : EXIT_BY_WORD[verdict];
}
