/** The journal as a file: a line of JSON for each request and event, so that it can be read when the simulator is long gone. */

import { constants, createWriteStream, fstatSync, ftruncateSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Socket } from "node:net";
import type { Writable } from "node:stream";
import { describeError, InvalidInputError, systemClock } from "@evertoken/core";
import type { Journal, JournalEntry } from "../journal.js";
import type { JournalEvent } from "./events.js";

/** What is known of the past: kept by a running simulator, or read from a file. */
export interface Past {
  readonly entries: readonly JournalEntry[];
  readonly events: readonly JournalEvent[];
}

export interface JournalFile {
  /** Resolves when everything is written, or when it is clear that nobody takes it. */
  close(): Promise<void>;
}

/** A line of the file alone, where others are missing. */
interface Gap {
  readonly at: number;
  readonly event: "left-out";
  readonly lines: number;
}

/** So much may wait for a slow disk or reader; what comes beyond it is left out, and counted. */
const MOST_WAITING_BYTES = 16 << 20;

/** In the end, real time for what still waits. */
const PATIENCE_MS = 2000;

/**
 * Writes what happens from now on; an existing file is replaced, because the next run counts from 1 again.
 * @throws InvalidInputError when the file cannot be written.
 */
export function writeJournal(journal: Journal, path: string): JournalFile {
  return new OpenFile(journal, path);
}

class OpenFile implements JournalFile {
  readonly #path: string;
  readonly #stream: Writable;
  readonly #stops: readonly (() => void)[];
  /** Lines, since the last that was written. */
  #leftOut = 0;
  #isBehind = false;
  #isTold = false;

  constructor(journal: Journal, path: string) {
    this.#path = path;
    this.#stream = opened(path);
    // A full disk must not end the simulator: what is missing from the file is still in memory.
    this.#stream.on("error", (error) => {
      this.#stop();
      this.#warn(`cannot be written: ${error.message}`);
    });
    const write = (line: JournalEntry | JournalEvent) => this.#write(line);
    this.#stops = [journal.on("entry", write), journal.on("told", write)];
  }

  close(): Promise<void> {
    this.#stop();
    return new Promise((resolve) => {
      const patience = systemClock.setTimer(PATIENCE_MS, () => {
        this.#warn(`is not complete: nobody took its last ${this.#stream.writableLength} bytes`);
        this.#stream.destroy();
        resolve();
      });
      this.#stream.end(() => {
        patience.cancel();
        resolve();
      });
    });
  }

  #write(line: JournalEntry | JournalEvent): void {
    const text = `${JSON.stringify(line)}\n`;
    // Once behind it waits until all is written: a gap is one, and told as one.
    this.#isBehind = this.#stream.writableLength > (this.#isBehind ? 0 : MOST_WAITING_BYTES - text.length);
    if (this.#isBehind) {
      if (!this.#isTold) this.#warn("is written more slowly than requests come: what does not fit is left out");
      this.#isTold = true;
      this.#leftOut += 1;
      return;
    }
    this.#tellOfGap(line.at);
    this.#stream.write(text);
  }

  #tellOfGap(at: number): void {
    if (this.#leftOut === 0) return;
    const gap: Gap = { at, event: "left-out", lines: this.#leftOut };
    this.#leftOut = 0;
    this.#stream.write(`${JSON.stringify(gap)}\n`);
  }

  #stop(): void {
    for (const stop of this.#stops) stop();
  }

  #warn(what: string): void {
    process.emitWarning(`the journal ${this.#path} ${what}`);
  }
}

/** Never waits for a reader: nobody may come. */
function opened(path: string): Writable {
  try {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NONBLOCK, 0o600);
    const kind = fstatSync(fd);
    // Writing into a full pipe by way of a thread would hold that thread, and with it the end of the process.
    if (kind.isFIFO()) return new Socket({ fd, readable: false, writable: true });
    if (kind.isFile()) ftruncateSync(fd);
    return createWriteStream(path, { fd });
  } catch (error) {
    const isUnread = (error as NodeJS.ErrnoException).code === "ENXIO";
    const message = `cannot be written: ${isUnread ? `nobody reads from the pipe ${path}` : describeError(error)}`;
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
    if (!("event" in read)) entries.push(read);
    else if (read.event !== "left-out") events.push(read);
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

function parsed(path: string, line: string, number: number): JournalEntry | JournalEvent | Gap {
  try {
    const read: unknown = JSON.parse(line);
    if (typeof read === "object" && read !== null && ("event" in read || "requestId" in read || "decision" in read)) {
      return read as JournalEntry | JournalEvent | Gap;
    }
  } catch (error) {
    throw unreadable(path, `line ${number} is no JSON: expected a journal written by evertoken simulate`, error);
  }
  throw unreadable(path, `line ${number} is neither a request nor an event: expected a journal of evertoken simulate`);
}

function unreadable(path: string, message: string, cause?: unknown): InvalidInputError {
  return new InvalidInputError("journal", [{ field: path, message }], cause === undefined ? {} : { cause });
}
