/** `evertoken exec`: runs a command whose SDK asks the agent. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { defaultDirectory, environmentFor, readAgentFile } from "@evertoken/agent/client";
import { describeError } from "@evertoken/core";
import { type Command, Option } from "commander";
import { EXIT } from "./command.js";

interface Options {
  readonly via: "container" | "imds";
  readonly role?: string;
  readonly directory: string;
  readonly tokenInEnvironment?: true;
}

/** Exit codes of a shell for a command that could not be started. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

export function addExecCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("exec")
    .description("run a command whose AWS SDK gets its credentials from the agent")
    .argument("<command...>", "the command and its arguments, behind --")
    .addOption(
      new Option("--via <protocol>", "the protocol its SDK shall use")
        .choices(["container", "imds"])
        .default("container"),
    )
    .option("--role <name>", "an assumed role of the agent, instead of the host's own identity")
    .option("--token-in-environment", "for SDKs from before 2024, which know no token files (agent: --keep-tokens)")
    .option("--directory <path>", "the agent's directory", defaultDirectory())
    .addHelpText(
      "after",
      `
Example:
  $ evertoken exec -- aws s3 ls
  $ evertoken exec --via imds -- ./old-service --port 80

A profile in ~/.aws/config or ~/.aws/credentials goes before the agent, as with every SDK.

Exit codes: those of the command; 128 + n if signal n ended it; 126 or 127 if it cannot be started;
            1 there is no agent; 2 bad usage.`,
    )
    .action(async (command: string[], options: Options) => exit(await execute(command, options)));
}

async function execute([command = "", ...args]: string[], { directory, ...options }: Options): Promise<number> {
  let env: NodeJS.ProcessEnv;
  try {
    env = await environmentFor(await readAgentFile(directory), options);
  } catch (error) {
    process.stderr.write(`evertoken: ${describeError(error)}\n`);
    return EXIT.failed;
  }
  return run(command, args, env);
}

const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"] as const;

/** A terminal sends these to the command itself, too: once is enough. */
const SENT_BY_TERMINALS: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGQUIT", "SIGWINCH"]);

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: "inherit" });
    const listeners = PASSED_ON.map((signal) => {
      const pass = () => {
        if (!(process.stdin.isTTY && SENT_BY_TERMINALS.has(signal))) child.kill(signal);
      };
      process.on(signal, pass);
      return () => process.off(signal, pass);
    });
    const end = (code: number) => {
      for (const stop of listeners) stop();
      resolve(code);
    };
    child.on("error", (error: NodeJS.ErrnoException) => {
      process.stderr.write(`evertoken: ${command} cannot be started: ${error.message}\n`);
      end(error.code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.on("exit", (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
