#!/usr/bin/env node
/** The `evertoken` command: wires the rooms together, holds no logic of theirs. */

import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { addAgentCommand } from "./agent-command.js";
import { EXIT } from "./command.js";
import { addCredentialProcessCommand } from "./credential-process-command.js";
import { addDashboardCommand } from "./dashboard-command.js";
import { addDemoCommand } from "./demo-command.js";
import { addExecCommand } from "./exec-command.js";
import { addSimulateCommand } from "./simulate-command.js";
import { addStatusCommand } from "./status-command.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

const program = new Command("evertoken")
  .description("Keeps AWS clients alive for days: no expired token ever reaches a caller.")
  .version(version)
  .showHelpAfterError("(add --help for what there is)")
  .exitOverride();

const exit = (code: number) => {
  process.exitCode = code;
};

addDemoCommand(program, exit);
addAgentCommand(program, exit);
addExecCommand(program, exit);
addCredentialProcessCommand(program, exit);
addStatusCommand(program, exit);
addDashboardCommand(program, exit);
addSimulateCommand(program, exit);

// Nobody reads it any more, as with `| head`: whatever more there is to do would be for nobody.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has said what is wrong; `--help` and `--version` are no errors.
  exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage);
}
