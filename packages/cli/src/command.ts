/** What all commands share: how they end, and how they say why. */

import { describeError, EvertokenError, InvalidInputError } from "@evertoken/core";
import { InvalidArgumentError } from "commander";
import type { Retelling } from "./flags.js";

/** Exit codes, the same for every command. */
export const EXIT = {
  ok: 0,
  /** The command did its work and the answer is no. */
  failed: 1,
  /** Bad usage: an option or argument is not what it must be. */
  usage: 2,
  /** The command did its work, and there is no telling. */
  cannotTell: 3,
  /** Ended by Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

/**
 * Runs a command until it is done or interrupted. The first signal asks it to end; a second one ends the process.
 * @param retell what is wrong in the words of who typed the command.
 */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<number>,
  retell: Retelling = (error) => error,
): Promise<number> {
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new Interrupted());
  process.once("SIGINT", interrupt);
  process.once("SIGTERM", interrupt);
  try {
    return await work(interruption.signal);
  } catch (error) {
    if (error instanceof Interrupted) return EXIT.interrupted;
    process.stderr.write(`evertoken: ${describe(retell(error))}\n`);
    return error instanceof InvalidInputError ? EXIT.usage : EXIT.failed;
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}

/** A signal of the process asked the command to end. */
class Interrupted extends Error {
  override readonly name = "Interrupted";
}

function describe(error: unknown): string {
  // An error of ours says all there is to say; of any other, where it came from helps.
  if (error instanceof EvertokenError) return describeError(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** For commander: a whole number within bounds. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}.`);
  };
}

/** For commander: a number within bounds. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (text.trim() !== "" && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`expected a number from ${min} to ${max}.`);
  };
}
