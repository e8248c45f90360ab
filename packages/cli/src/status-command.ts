/** `evertoken status`: what the agent on this host holds, in words or as JSON. */

import { defaultDirectory, describeStatus, readAgentFile, statusFrom } from "@evertoken/agent/client";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "./command.js";

interface Options {
  readonly directory: string;
  readonly json?: true;
}

export function addStatusCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("status")
    .description("tell what the agent on this host holds, since when, until when, and who asks how often")
    .option("--directory <path>", "the agent's directory", defaultDirectory())
    .option("--json", "for machines")
    .addHelpText(
      "after",
      `
Example:
  $ evertoken status
  $ evertoken status --json | jq .ready

Exit codes: 0 the agent is ready; 1 it is not, or there is none; 2 bad usage.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted(() => tell(options))));
}

async function tell({ directory, json }: Options): Promise<number> {
  const status = await statusFrom(await readAgentFile(directory));
  process.stdout.write(json ? `${JSON.stringify(status, null, 2)}\n` : describeStatus(status));
  return status.ready ? EXIT.ok : EXIT.failed;
}
