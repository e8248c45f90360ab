/** `evertoken bench report`: a saved run once more, in another form or by another margin. */

import { type BenchRecord, readRecord, singleReport } from "@evertoken/bench";
import { InvalidInputError } from "@evertoken/core";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "../command.js";
import { addJudgingOptions, EXIT_BY_WORD, type JudgingOptions } from "./judging.js";
import { addOutputOptions, assertOnePrinted, type OutputOptions, report } from "./outputs.js";

type Options = JudgingOptions & OutputOptions;

export function addReportCommand(bench: Command, exit: (code: number) => void): void {
  const command = bench
    .command("report")
    .description("report a saved run once more, in another form")
    .argument("<file>", "a file that bench compare or bench run kept");
  addOutputOptions(addJudgingOptions(command))
    .addHelpText(
      "after",
      `
A margin that is chosen after the figures are known proves nothing: say it beforehand, to bench compare.

Example:
  $ evertoken bench report run.json --html report.html

Exit codes: 0 faster, or no worse; 1 slower; 2 bad usage, no such file say; 3 cannot tell.`,
    )
    .action(async (file: string, options: Options) => exit(await untilInterrupted(() => reportFile(file, options))));
}

async function reportFile(file: string, options: Options): Promise<number> {
  assertOnePrinted(options);
  const record = await readRecord(file);
  if (record.candidates.length === 1) return reportOne(record, file, options);
  const { verdict } = await report(record, options, undefined);
  return EXIT_BY_WORD[verdict];
}

/** There is nothing to compare it with. */
function reportOne(record: BenchRecord, file: string, { json, markdown, html }: Options): number {
  if (markdown !== undefined || html !== undefined) {
    const message = `needs a comparison, and ${file} is a run of one candidate: expected --json, or neither`;
    const field = markdown === undefined ? "--html" : "--markdown";
    throw new InvalidInputError("evertoken bench report", [{ field, message }]);
  }
  process.stdout.write(json ? `${JSON.stringify(record)}\n` : singleReport(record));
  return EXIT.ok;
}
