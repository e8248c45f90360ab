/** `evertoken bench run`: what one candidate does, compared with nothing. */

import { singleReport } from "@evertoken/bench";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "../command.js";
import { inFlags } from "../flags.js";
import { addMeasuringOptions, MEASURING_WORDING, type MeasuringOptions, measure, settingsOf } from "./measuring.js";
import { addSavingOptions, assertSavable, keep, type SavingOptions } from "./outputs.js";

type Options = MeasuringOptions & SavingOptions & { readonly json?: true };

export function addRunCommand(bench: Command, exit: (code: number) => void): void {
  const run = bench
    .command("run")
    .description("measure one candidate, and compare it with nothing")
    .argument("<candidate>", "see evertoken bench --help")
    .option("--json", "print the record as JSON");
  addSavingOptions(addMeasuringOptions(run))
    .addHelpText(
      "after",
      `
Figures of one day compare with nothing of another: to know which of two is slower, bench compare measures both.

Example:
  $ evertoken bench run pool+fast --case put-4KiB get-4KiB

Exit codes: 0 measured; 1 the candidate takes no part, or the bench failed; 2 bad usage;
            130 interrupted: what was measured is kept and reported, what was written is removed.`,
    )
    .action(async (candidate: string, options: Options, command: Command) => {
      exit(
        await untilInterrupted(
          (signal) => runCandidate(candidate, options, signal),
          inFlags(command, MEASURING_WORDING),
        ),
      );
    });
}

async function runCandidate(candidate: string, options: Options, signal: AbortSignal): Promise<number> {
  await assertSavable(options);
  const record = await measure(await settingsOf(options), [candidate], { yes: options.yes, signal });
  const file = await keep(record, options);
  process.stdout.write(options.json ? `${JSON.stringify(record)}\n` : singleReport(record));
  if (!options.json && file !== undefined) process.stdout.write(`\nKept in ${file}\n`);
  if (signal.aborted) return EXIT.interrupted;
  return record.candidates[0]?.failure === undefined ? EXIT.ok : EXIT.failed;
}
