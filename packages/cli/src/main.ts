#!/usr/bin/env node
/** The `evertoken` command: wires the rooms together, holds no logic of theirs. */

import { createRequire } from "node:module";
import { Command, CommanderError } from "commander";
import { EXIT } from "./command.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/**
 * In the order of `--help`. Whoever names one command waits for its own code only: the simulator starts for each test, a
 * credential process for each client, and neither has any use for the bench.
 */
const COMMANDS = new Map([
  ["demo", async () => (await import("./demo-command.js")).addDemoCommand],
  ["agent", async () => (await import("./agent-command.js")).addAgentCommand],
  ["exec", async () => (await import("./exec-command.js")).addExecCommand],
  ["credential-process", async () => (await import("./credential-process-command.js")).addCredentialProcessCommand],
  ["status", async () => (await import("./status-command.js")).addStatusCommand],
  ["dashboard", async () => (await import("./dashboard-command.js")).addDashboardCommand],
  ["simulate", async () => (await import("./simulate-command.js")).addSimulateCommand],
  ["bench", async () => (await import("./bench/bench-command.js")).addBenchCommand],
]);

const program = new Command("evertoken")
  .description("Keeps AWS clients alive for days: no expired token ever reaches a caller.")
  .version(version)
  .showHelpAfterError("(add --help for what there is)")
  .exitOverride();

const exit = (code: number) => {
  process.exitCode = code;
};

const named = COMMANDS.get(process.argv[2] ?? "");
const loads = named === undefined ? [...COMMANDS.values()] : [named];
for (const add of await Promise.all(loads.map((load) => load()))) add(program, exit);

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
