/** Records in files: written whole or not at all, and checked when they are read, since anybody may have had them in between. */

import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { check, describeError, InvalidInputError } from "@evertoken/core";
import type { BenchRecord } from "../record.js";
import { recordSchema } from "./schema.js";

/** Where runs are kept that nobody named a file for: `$XDG_STATE_HOME/evertoken/bench`, under `~/.local/state` by default. */
export function runsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return join(environment.XDG_STATE_HOME || join(homedir(), ".local", "state"), "evertoken", "bench");
}

/** @returns the file's path: named after the instant, and a number when there is one of that name already. */
export async function keepRecord(record: BenchRecord, folder: string): Promise<string> {
  const name = record.startedAt.slice(0, 19).replaceAll(":", "-");
  for (let copy = 1; ; copy += 1) {
    const file = join(folder, `${name}${copy === 1 ? "" : `-${copy}`}.json`);
    if (await wasWritten(record, file)) return file;
  }
}

/** @throws InvalidInputError when there is such a file already: nothing that was measured is lost to a slip. */
export async function saveRecord(record: BenchRecord, file: string): Promise<void> {
  if (await wasWritten(record, file)) return;
  throw new InvalidInputError("saved run", [{ field: file, message: "is there already: expected a new file" }]);
}

async function wasWritten(record: BenchRecord, file: string): Promise<boolean> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, `${JSON.stringify(record)}\n`);
    // Unlike a renaming, this fails when the name is taken.
    await link(unfinished, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}

/** @throws InvalidInputError when it cannot be read, or is no record. */
export async function readRecord(file: string): Promise<BenchRecord> {
  const refuse = (message: string, cause: unknown) =>
    new InvalidInputError("saved run", [{ field: file, message }], { cause });
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw refuse(`cannot be read: ${describeError(error)}`, error);
  });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw refuse("is no JSON: expected a file that evertoken bench saved", error);
  }
  return check(recordSchema, parsed, file);
}

export interface KeptRun {
  readonly file: string;
  /** Absent when it is none; `problem` says why. */
  readonly record?: BenchRecord;
  readonly problem?: string;
}

/** All runs in a folder, the oldest first. None when there is no such folder. */
export async function keptRuns(folder: string): Promise<KeptRun[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const files = names.filter((name) => name.endsWith(".json")).map((name) => join(folder, name));
  const runs = await Promise.all(files.map(keptRun));
  const instant = ({ record, file }: KeptRun) => record?.startedAt ?? file;
  return runs.sort((a, b) => instant(a).localeCompare(instant(b)) || a.file.localeCompare(b.file));
}

async function keptRun(file: string): Promise<KeptRun> {
  try {
    return { file, record: await readRecord(file) };
  } catch (error) {
    return { file, problem: describeError(error) };
  }
}
