/** `evertoken simulate scenarios`: what there is to play, and who is known to fail it. */

import { loadScenario, shippedScenarios } from "@evertoken/simulator";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "../command.js";

export function addScenariosCommand(simulate: Command, exit: (code: number) => void): void {
  simulate
    .command("scenarios")
    .description("list the scenarios that come with Evertoken, and the SDKs known to fail each")
    .addHelpText(
      "after",
      `
Example:
  $ evertoken simulate scenarios
  $ evertoken simulate --scenario poisoned-pool

Exit codes: 0 listed; 2 bad usage.`,
    )
    .action(async () => exit(await untilInterrupted(list)));
}

async function list(): Promise<number> {
  for (const name of await shippedScenarios()) {
    const { title, failedBy } = await loadScenario(name);
    const failed = failedBy.map(({ sdk, versions, source }) => `    failed by ${sdk}, ${versions}: ${source}`);
    process.stdout.write(`${[name, `  ${title}`, ...failed, ""].join("\n")}\n`);
  }
  return EXIT.ok;
}
