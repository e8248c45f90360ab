/**
 * Workload files of awslabs' aws-crt-s3-benchmarks (`*.run.json`, version 2) as cases.
 *
 * Such a file lists tasks (upload or download of a key of a size) that its own runners do all at once, again and again, and
 * time as a whole. Here the same operations and sizes run for the time that a round lasts, as many under way as the settings
 * say: a case for each action and size in the file. Uploads from 8 MiB on are sent in parts, as those runners' clients do.
 *
 * @see https://github.com/awslabs/aws-crt-s3-benchmarks/blob/main/workloads/README.md
 */

import { readFile } from "node:fs/promises";
import { check, describeError, InvalidInputError, type Problem } from "@evertoken/core";
import * as v from "valibot";
import type { CaseSettings } from "../record.js";
import { PART_BYTES } from "../run/operations.js";
import { type CaseOptions, caseOf } from "./cases.js";
import { sizeName } from "./sizes.js";

/** "Runners must skip benchmarks whose version != expected." */
const VERSION = 2;

const whole = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(0, "must be 0 or more"),
);

const schema = v.strictObject({
  version: v.literal(VERSION, (issue) => `is ${issue.received}: expected ${VERSION}, the only one that is known here`),
  comment: v.string("must be text"),
  filesOnDisk: v.boolean("must be true or false"),
  checksum: v.nullable(
    v.picklist(
      ["CRC32", "CRC32C", "SHA1", "SHA256"],
      (issue) => `is ${issue.received}: expected null, "CRC32", "CRC32C", "SHA1", "SHA256"`,
    ),
  ),
  maxRepeatCount: whole,
  maxRepeatSecs: whole,
  tasks: v.pipe(
    v.array(
      v.strictObject({
        action: v.picklist(["upload", "download"], (issue) => `is ${issue.received}: expected "upload" or "download"`),
        key: v.string("must be text"),
        size: v.pipe(whole, v.minValue(1, "is 0: expected at least a byte")),
      }),
      "must be a list of tasks",
    ),
    v.nonEmpty("is empty: expected at least one task"),
  ),
});

/** A body of a download is held in memory whole. */
const LARGEST_DOWNLOAD = 256 * 1024 ** 2;
/** 10,000 parts. */
const LARGEST_UPLOAD = 10_000 * PART_BYTES;

export interface WorkloadOptions extends Omit<CaseOptions, "checksum"> {
  /** Takes workloads whose files are on disk, and keeps their bytes in memory instead. Default false: they are refused. */
  readonly inMemory?: boolean | undefined;
}

/**
 * @param path of a `*.run.json` file.
 * @throws InvalidInputError when it cannot be read, is none, or asks for what cannot be done here.
 */
export async function readWorkload(path: string, options: WorkloadOptions = {}): Promise<CaseSettings[]> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new InvalidInputError(path, [{ field: "file", message: `cannot be read: ${describeError(error)}` }]);
  });
  const { inMemory = false, ...settings } = options;
  const { tasks, checksum, filesOnDisk } = check(schema, parsed(text, path), path);
  const kinds = [...new Map(tasks.map(({ action, size }) => [`${action} ${size}`, { action, size }])).values()];
  const problems = kinds.flatMap(tooLarge);
  if (filesOnDisk && !inMemory) problems.push(ON_DISK);
  if (problems.length > 0) throw new InvalidInputError(path, problems);
  return kinds.map(({ action, size }) => {
    const operation = action === "download" ? "get" : size < PART_BYTES ? "put" : "multipart";
    return caseOf(`${operation}-${sizeName(size)}`, operation, size, {
      checksum: checksum?.toLowerCase() ?? "default",
      ...settings,
    });
  });
}

const ON_DISK: Problem = {
  field: "filesOnDisk",
  message: "is true: expected false, since no files are read or written here; inMemory runs the workload without them",
};

function parsed(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const hint = where.endsWith(".src.json") ? "; expected the .run.json file that is built of it" : "";
    throw new InvalidInputError(where, [{ field: "file", message: `is no JSON: ${describeError(error)}${hint}` }]);
  }
}

function tooLarge({ action, size }: { action: "upload" | "download"; size: number }): Problem[] {
  const largest = action === "upload" ? LARGEST_UPLOAD : LARGEST_DOWNLOAD;
  if (size <= largest) return [];
  return [{ field: `${action} of ${sizeName(size)}`, message: `is too large: expected ${sizeName(largest)} at most` }];
}
