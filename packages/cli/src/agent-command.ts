/** `evertoken agent`: the on-host broker until it is told to stop. */

import { resolve } from "node:path";
import {
  type AgentConfig,
  createNotifier,
  handedSockets,
  keepMemoryOutOfCoreDumps,
  readConfigFile,
  startAgent,
} from "@evertoken/agent";
import { describeError, InvalidInputError } from "@evertoken/core";
import { createDashboard } from "@evertoken/dashboard";
import { type Command, InvalidArgumentError } from "commander";
import { EXIT, untilInterrupted, wholeNumber } from "./command.js";
import { inFlags } from "./flags.js";
import { sourceToServe } from "./served-source.js";

interface Options {
  readonly config?: string;
  readonly port?: number;
  readonly imdsPort?: number;
  readonly adminPort?: number;
  readonly host?: string;
  readonly exposed?: true;
  readonly socket?: string;
  readonly directory?: string;
  readonly keepTokens?: true;
  readonly state?: string;
  readonly stateKey?: string;
  readonly assumeRole?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly simulate?: true;
}

const PORT = wholeNumber(0, 65_535);

export function addAgentCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("agent")
    .description("hand this host's credentials, always fresh, to every SDK on it")
    .option("--config <file>", "YAML file with these settings and more; read again on SIGHUP")
    .option("--port <port>", "container-credentials endpoint (default 9820); 0: any free one", PORT)
    .option("--imds-port <port>", "also speak IMDSv2 on this port", PORT)
    .option("--admin-port <port>", "health, readiness, metrics, status, a page for browsers (default 9822)", PORT)
    .option("--host <address>", "address to listen on (default 127.0.0.1)")
    .option("--exposed", "listen on an address that others can reach")
    .option("--socket <path>", "also speak the container protocol on a Unix socket")
    .option("--directory <path>", "the agent's own files (default $RUNTIME_DIRECTORY or /run/evertoken)")
    .option("--keep-tokens", "keep authorization tokens over a restart, for SDKs that read theirs once")
    .option("--state <file>", "serve at once after a restart while the source is down; encrypted")
    .option("--state-key <file>", "the key to it (default $CREDENTIALS_DIRECTORY/state-key)")
    .option("--assume-role <name=arn>", "also serve this role by its name; may be repeated", namedArn)
    .option("--user <name>", "become this user once the ports are open")
    .option("--simulate", "serve an embedded simulated instance instead of this host's credentials")
    .addHelpText(
      "after",
      `
Examples:
  $ evertoken agent --port 9820 --imds-port 9821
  $ evertoken exec -- aws s3 ls          # a program whose SDK asks the agent
  $ evertoken agent --simulate --directory /tmp/agent

Example:
  $ export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9820/v1/credentials
  $ export AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/run/evertoken/authorization-token

Signals: SIGTERM and SIGINT end it once everybody is answered; SIGHUP reads --config again;
         SIGUSR1 makes new authorization tokens.

Exit codes: 0 ended by Ctrl-C or SIGTERM; 1 failed, a port in use say; 2 bad usage.`,
    )
    .action(async (options: Options, command: Command) => {
      const wording = { of: ["agent options"], flags: { assumeRoles: "--assume-role" }, onlyTyped: true };
      exit(await untilInterrupted((signal) => serve(options, signal), inFlags(command, wording)));
    });
}

async function serve(options: Options, signal: AbortSignal): Promise<number> {
  const signals = hear();
  await keepMemoryOutOfCoreDumps();
  const read = async () => merged(options.config === undefined ? {} : await readConfigFile(options.config), options);
  const config = await read();
  const sockets = handedSockets();
  const served = await sourceToServe(options.simulate === true);
  const notifier = createNotifier();
  try {
    await using agent = await startAgent(
      { ...config, ...served.options, page: (live) => createDashboard({ live }) },
      sockets,
    );
    await notifier.ready(`serving on ${agent.containerUrl}`);
    signals.act({
      SIGHUP: async () => {
        await notifier.reloading();
        await agent.reload(read);
        await notifier.ready(`serving on ${agent.containerUrl}`);
      },
      SIGUSR1: () => agent.rotateTokens(),
    });
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
    await notifier.stopping();
  } finally {
    notifier.close();
    await served.close();
  }
  return EXIT.ok;
}

type Actions = Readonly<Record<"SIGHUP" | "SIGUSR1", () => Promise<void>>>;

/**
 * Hears signals from the first moment on, and does what they ask for as soon as there is an agent to do it. Unheard, SIGHUP
 * would end the process, and SIGUSR1 open Node.js's debugger, by which anybody on this host could read its memory.
 */
function hear(): { act(actions: Actions): void } {
  const early = new Set<keyof Actions>();
  let actions: Actions | undefined;
  const run = (name: keyof Actions) => {
    if (actions === undefined) early.add(name);
    else actions[name]().catch((error) => process.stderr.write(`evertoken: ${name}: ${describeError(error)}\n`));
  };
  process.on("SIGHUP", () => run("SIGHUP"));
  process.on("SIGUSR1", () => run("SIGUSR1"));
  return {
    act: (given) => {
      actions = given;
      for (const name of early) run(name);
    },
  };
}

/** What is said on the command line goes before the file. */
function merged(file: AgentConfig, options: Options): AgentConfig {
  const { config: _, simulate: __, state, stateKey, assumeRole, directory, socket, ...rest } = options;
  return {
    ...file,
    ...rest,
    // Where the command is given, as with any command; in the file there is no such place.
    ...(directory === undefined ? {} : { directory: resolve(directory) }),
    ...(socket === undefined ? {} : { socket: resolve(socket) }),
    ...(assumeRole === undefined ? {} : { assumeRoles: { ...file.assumeRoles, ...assumeRole } }),
    ...(state === undefined
      ? {}
      : { state: { file: resolve(state), keyFile: resolve(stateKey ?? defaultStateKey()) } }),
  };
}

function defaultStateKey(): string {
  const { CREDENTIALS_DIRECTORY: directory } = process.env;
  if (directory) return `${directory}/state-key`;
  const message = "is missing: expected a file with 16 random bytes or more, kept elsewhere than the state file";
  throw new InvalidInputError("evertoken agent", [{ field: "--state-key", message }]);
}

function namedArn(text: string, previous: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const [, name, arn] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || arn === undefined) throw new InvalidArgumentError("expected NAME=ARN.");
  return { ...previous, [name]: arn };
}
