/** `evertoken simulate why`: the story of one request, from a running simulator or from its journal file. */

import { describeError, EvertokenError, InvalidInputError } from "@evertoken/core";
import { readJournal, type Story, why } from "@evertoken/simulator";
import type { Command } from "commander";
import { EXIT, untilInterrupted } from "../command.js";

interface Options {
  readonly admin: string;
  readonly journal?: string;
  readonly json?: true;
}

/** The admin API answers from memory: longer means that something else listens there. */
const PATIENCE_MS = 10_000;

class NoSimulatorError extends EvertokenError {
  override readonly code = "NO_SIMULATOR";
}

export function addWhyCommand(simulate: Command, exit: (code: number) => void): void {
  simulate
    .command("why")
    .description("tell the story of one request: its credential from its issue on, and why it was answered so")
    .argument("<request-id>", "the request id in the answer, as SDKs show it in their errors")
    .option("--admin <url>", "the admin API of a running simulator", "http://127.0.0.1:1339")
    .option("--journal <file>", "read the file of evertoken simulate --journal instead")
    .option("--json", "print the story as JSON")
    .addHelpText(
      "after",
      `
Example:
  $ evertoken simulate why 0001000000000005
  $ evertoken simulate why 0001000000000005 --journal run.jsonl

Exit codes: 0 told; 1 no such request, or no simulator there; 2 bad usage.`,
    )
    // --json and --journal are options of the simulator, too: commander gives them to the first that knows them.
    .action(async (requestId: string, _: unknown, command: Command) => {
      const options = command.optsWithGlobals<Options>();
      exit(await untilInterrupted((signal) => tell(requestId, options, signal)));
    });
}

async function tell(requestId: string, options: Options, signal: AbortSignal): Promise<number> {
  const story =
    options.journal === undefined
      ? await asked(requestId, options.admin, signal)
      : why(requestId, await readJournal(options.journal));
  if (story === undefined) {
    process.stderr.write(`evertoken: no request ${requestId} is in the journal (any more).\n`);
    return EXIT.failed;
  }
  process.stdout.write(options.json ? `${JSON.stringify(story)}\n` : printed(story));
  return EXIT.ok;
}

async function asked(requestId: string, admin: string, signal: AbortSignal): Promise<Story | undefined> {
  if (!URL.canParse(admin)) {
    const message = `is ${JSON.stringify(admin)}: expected a URL such as http://127.0.0.1:1339`;
    throw new InvalidInputError("evertoken simulate why", [{ field: "--admin", message }]);
  }
  const answer = await answerOf(new URL(`/why/${encodeURIComponent(requestId)}`, admin), signal);
  if (answer.status === 404) return undefined;
  if (answer.ok) return (await answer.json()) as Story;
  throw new NoSimulatorError(`${admin} answered ${answer.status}: expected the admin API of evertoken simulate there.`);
}

async function answerOf(url: URL, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) });
  } catch (error) {
    signal.throwIfAborted();
    throw new NoSimulatorError(
      `${url.origin} does not answer (${describeError(error)}). Start evertoken simulate, name its admin API with --admin, or read its file with --journal.`,
    );
  }
}

function printed({ requestId, lines, conclusion }: Story): string {
  const told = lines.map(({ at, text }) => `${new Date(at).toISOString().replace("T", " ").slice(0, 19)}  ${text}`);
  return `${[`Request ${requestId}:`, "", ...told, "", conclusion, ""].join("\n")}`;
}
