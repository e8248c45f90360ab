/** The journal as a file: a line of JSON for each request and event, so that it can be read when the simulator is long gone. */

import { createWriteStream, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { describeError, InvalidInputError } from "@evertoken/core";
import type { Journal, JournalEntry } from "../journal.js";
import type { JournalEvent } from "./events.js";

/** What is known of the past: kept by a running simulator, or read from a file. */
export interface Past {
  readonly entries: readonly JournalEntry[];
  readonly events: readonly JournalEvent[];
}

export interface JournalFile {
  /** Resolves when everything is written. */
  close(): Promise<void>;
}

/**
 * Writes what happens from now on; an existing file is replaced, because the next run counts from 1 again.
 * @throws InvalidInputError when the file cannot be written.
 */
export function writeJournal(journal: Journal, path: string): JournalFile {
  const stream = createWriteStream(path, { fd: opened(path) });
  // A full disk must not end the simulator: what is missing from the file is still in memory.
  stream.on("error", (error) => process.emitWarning(`the journal ${path} cannot be written: ${error.message}`));
  const write = (line: object) => stream.write(`${JSON.stringify(line)}\n`);
  const stops = [journal.on("entry", write), journal.on("told", write)];
  return {
    close() {
      for (const stop of stops) stop();
      return new Promise((resolve) => stream.end(() => resolve()));
    },
  };
}

function opened(path: string): number {
  try {
    return openSync(path, "w", 0o600);
  } catch (error) {
    const message = `cannot be written: ${describeError(error)}`;
    throw new InvalidInputError("startSimulator options", [{ field: "journalFile", message }], { cause: error });
  }
}

/**
 * @throws InvalidInputError when there is no such file, or a line of it is no part of a journal. A last line that was cut
 * off with its process is left out.
 */
export async function readJournal(path: string): Promise<Past> {
  const lines = (await text(path)).split("\n");
  const whole = lines.slice(0, -1);
  const entries: JournalEntry[] = [];
  const events: JournalEvent[] = [];
  whole.forEach((line, index) => {
    const read = parsed(path, line, index + 1);
    if ("event" in read) events.push(read);
    else entries.push(read);
  });
  return { entries, events };
}

async function text(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(path, `cannot be read: ${describeError(error)}`, error);
  }
}

function parsed(path: string, line: string, number: number): JournalEntry | JournalEvent {
  try {
    const read: unknown = JSON.parse(line);
    if (typeof read === "object" && read !== null && ("event" in read || "requestId" in read || "decision" in read)) {
      return read as JournalEntry | JournalEvent;
    }
  } catch (error) {
    throw unreadable(path, `line ${number} is no JSON: expected a journal written by evertoken simulate`, error);
  }
  throw unreadable(path, `line ${number} is neither a request nor an event: expected a journal of evertoken simulate`);
}

function unreadable(path: string, message: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError("journal", [{ field: path, message }], cause === undefined ? {} : { cause });
}
