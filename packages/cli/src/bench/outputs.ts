/** A report in the forms that were asked for. */

import { access, writeFile } from "node:fs/promises";
import {
  type BenchRecord,
  type Comparison,
  compareRecord,
  htmlReport,
  keepRecord,
  markdownReport,
  runsFolder,
  saveRecord,
  textReport,
} from "@evertoken/bench";
import { InvalidInputError } from "@evertoken/core";
import type { Command } from "commander";
import { compareOptions, type JudgingOptions } from "./judging.js";

export interface OutputOptions {
  readonly json?: true;
  /** `true`: to standard output. */
  readonly markdown?: string | true;
  readonly html?: string;
}

export interface SavingOptions {
  /** `false`: not at all. */
  readonly save?: string | boolean;
}

export function addOutputOptions(command: Command): Command {
  return command
    .option("--json", "print the comparison as JSON")
    .option("--markdown [file]", "a report for a pull request: into the file, or printed")
    .option("--html <file>", "a report with plots, in one file that needs nothing else");
}

export function addSavingOptions(command: Command): Command {
  return command
    .option("--save <file>", "where the run is kept (default: the folder that bench history reads)")
    .option("--no-save", "do not keep the run");
}

/** Before anything is measured: afterwards it would be too late to say. */
export function assertOnePrinted({ json, markdown }: OutputOptions): void {
  if (json !== true || markdown !== true) return;
  const message = "is to be printed, and so is --json: expected --markdown FILE with it";
  throw new InvalidInputError("evertoken bench", [{ field: "--markdown", message }]);
}

/** @throws InvalidInputError when there is such a file, before half an hour of measuring is for nothing. */
export async function assertSavable({ save }: SavingOptions): Promise<void> {
  if (typeof save !== "string") return;
  const isThere = await access(save).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  const message = `${save} is there already: expected a new file`;
  throw new InvalidInputError("evertoken bench", [{ field: "--save", message }]);
}

/** @returns the file it is kept in, if it is. */
export async function keep(record: BenchRecord, { save }: SavingOptions): Promise<string | undefined> {
  if (save === false) return undefined;
  if (typeof save !== "string") return keepRecord(record, runsFolder());
  await saveRecord(record, save);
  return save;
}

/** Prints and writes; `file` is where the run is kept. */
export async function report(
  record: BenchRecord,
  { json, markdown, html, ...judging }: OutputOptions & JudgingOptions,
  file: string | undefined,
): Promise<Comparison> {
  const comparison = compareRecord(record, compareOptions(judging));
  if (html !== undefined) await writeFile(html, htmlReport(record, comparison));
  if (typeof markdown === "string") await writeFile(markdown, markdownReport(record, comparison));
  const { stdout } = process;
  if (json) {
    const { measurements: _, ...circumstances } = record;
    stdout.write(`${JSON.stringify({ ...comparison, ...circumstances, format: comparison.format, file })}\n`);
  } else if (markdown === true) stdout.write(markdownReport(record, comparison));
  else {
    const color = stdout.isTTY && !process.env.NO_COLOR;
    stdout.write(textReport(record, comparison, { color, columns: stdout.columns || undefined }));
    const kept = [file === undefined ? [] : `Kept in ${file}`, html === undefined ? [] : `plots in ${html}`].flat();
    if (kept.length > 0) stdout.write(`\n${kept.join(", ")}\n`);
  }
  return comparison;
}
