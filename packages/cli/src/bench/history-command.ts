/** `evertoken bench history`: saved runs, the oldest first. */

import { historyOf, historyText, keptRuns, runsFolder } from "@evertoken/bench";
import type { Command } from "commander";
import { EXIT, untilInterrupted, wholeNumber } from "../command.js";
import { addJudgingOptions, compareOptions, type JudgingOptions } from "./judging.js";

interface Options extends JudgingOptions {
  readonly folder?: string;
  readonly case?: string;
  readonly candidate?: string;
  readonly last: number;
  readonly json?: true;
}

export function addHistoryCommand(bench: Command, exit: (code: number) => void): void {
  const history = bench
    .command("history")
    .description("list saved runs with what they came to, all judged by the same margin")
    .option("--folder <folder>", "where the runs are (default: where bench compare keeps them)")
    .option("--case <name>", "only this case")
    .option("--candidate <text>", "only runs with a candidate whose name has this in it")
    .option("--last <count>", "only the newest runs", wholeNumber(1, 10_000), 20)
    .option("--json", "print the list as JSON");
  addJudgingOptions(history)
    .addHelpText(
      "after",
      `
Example:
  $ evertoken bench history --candidate 3.1173 --case put-4KiB

Exit codes: 0 listed; 2 bad usage.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted(() => list(options))));
}

async function list({
  folder = runsFolder(),
  case: name,
  candidate,
  last,
  json,
  ...judging
}: Options): Promise<number> {
  const runs = await keptRuns(folder);
  for (const { problem } of runs) {
    if (problem !== undefined) process.stderr.write(`evertoken: passed over: ${problem}\n`);
  }
  const records = runs.filter(({ record }) => record !== undefined).slice(-last);
  const entries = historyOf(records, { ...compareOptions(judging), case: name, candidate });
  process.stdout.write(json ? `${JSON.stringify(entries)}\n` : historyText(entries));
  return EXIT.ok;
}
