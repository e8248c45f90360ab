/** Cases by their names, and what is filled in where the name does not say it. */

import { InvalidInputError, type Problem } from "@evertoken/core";
import type { CaseSettings } from "../record.js";
import { parseSize, sizeName } from "./sizes.js";

type OperationName = CaseSettings["operation"];

const KiB = 1024;
const MiB = 1024 * KiB;

export const CHECKSUMS = ["default", "when-required", "crc32", "crc32c", "crc64nvme", "sha1", "sha256"] as const;

/** Said in `--help`, and what `parseCases` knows. */
export const CASE_NAMES = [
  "put-4KiB",
  "put-64KiB",
  "put-1MiB",
  "put-16MiB",
  "get-4KiB",
  "get-64KiB",
  "get-1MiB",
  "get-16MiB",
  "multipart-64MiB",
  "head",
  "delete",
  "mixed",
  "rotation",
] as const;

export interface CaseOptions {
  /** Operations under way at the same time. Default: 32 for small objects, fewer for larger ones. */
  readonly inFlight?: number | undefined;
  /** Open loop. Default: closed loop. */
  readonly arrivalsPerSecond?: number | undefined;
  /** Default false. */
  readonly tls?: boolean | undefined;
  /** One of {@link CHECKSUMS}. Default `default`: whatever the client does unless it is told. */
  readonly checksum?: string | undefined;
}

interface Kind {
  /** Without a size in its name. */
  readonly sizeBytes: number | undefined;
  readonly largest: number;
}

/** A body is held in memory once for each operation under way; parts of an upload share theirs. */
const KINDS: Readonly<Record<OperationName, Kind>> = {
  put: { sizeBytes: undefined, largest: 256 * MiB },
  get: { sizeBytes: undefined, largest: 256 * MiB },
  multipart: { sizeBytes: 64 * MiB, largest: 64 * KiB * MiB },
  head: { sizeBytes: 4 * KiB, largest: 256 * MiB },
  delete: { sizeBytes: 4 * KiB, largest: 256 * MiB },
  mixed: { sizeBytes: 64 * KiB, largest: 256 * MiB },
  rotation: { sizeBytes: 4 * KiB, largest: MiB },
};

/** Beyond this the rotation case would measure speed; it is to show what callers feel. */
const ROTATION_ARRIVALS_PER_SECOND = 200;

/**
 * @param names `put-4KiB`, `get-1MiB`, `multipart-64MiB`, `head`, `delete`, `mixed`, `mixed-1MiB`, `rotation`, …
 * @throws InvalidInputError naming each case or option that is wrong.
 */
export function parseCases(names: readonly string[], options: CaseOptions = {}): CaseSettings[] {
  const problems: Problem[] = optionProblems(options);
  const cases = names.flatMap((name) => {
    const parsed = parseCase(name, options);
    if ("operation" in parsed) return [parsed];
    problems.push(parsed);
    return [];
  });
  if (names.length === 0) problems.push({ field: "case", message: `is missing: expected ${CASE_NAMES.join(", ")}` });
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    problems.push({ field: `case ${name}`, message: "is given twice: expected each case once" });
  }
  if (problems.length > 0) throw new InvalidInputError("cases of the bench", problems);
  return cases;
}

function parseCase(name: string, options: CaseOptions): CaseSettings | Problem {
  const [, operation = "", size] = /^([a-z]+)(?:-(.+))?$/.exec(name) ?? [];
  const field = `case ${JSON.stringify(name)}`;
  if (!(operation in KINDS))
    return { field, message: `is unknown: expected ${CASE_NAMES.join(", ")}, or another size` };
  const kind = KINDS[operation as OperationName];
  const sizeBytes = size === undefined ? kind.sizeBytes : parseSize(size);
  if (sizeBytes === undefined || sizeBytes < 1 || sizeBytes > kind.largest) {
    const range = `a size from 1B to ${sizeName(kind.largest)}, such as ${operation}-64KiB`;
    return { field, message: `${size === undefined ? "has no size" : `has the size ${size}`}: expected ${range}` };
  }
  return caseOf(name, operation as OperationName, sizeBytes, options);
}

/** A case that came by another way than its name. */
export function caseOf(name: string, operation: OperationName, sizeBytes: number, options: CaseOptions): CaseSettings {
  const { inFlight = usualInFlight(operation, sizeBytes), tls = false, checksum = "default" } = options;
  const arrivals = options.arrivalsPerSecond ?? (operation === "rotation" ? ROTATION_ARRIVALS_PER_SECOND : undefined);
  const settings = { name, operation, sizeBytes, inFlight, tls: operation === "rotation" ? false : tls, checksum };
  return arrivals === undefined ? settings : { ...settings, arrivalsPerSecond: arrivals };
}

/** As many as keep a client busy without holding more than some hundred megabytes of bodies. */
function usualInFlight(operation: OperationName, sizeBytes: number): number {
  // Their parts are sent four at a time.
  if (operation === "multipart") return 2;
  if (sizeBytes < MiB) return 32;
  return sizeBytes < 8 * MiB ? 16 : 4;
}

function optionProblems({ inFlight = 1, arrivalsPerSecond = 1, checksum = "default" }: CaseOptions): Problem[] {
  const problems: Problem[] = [];
  if (!(Number.isInteger(inFlight) && inFlight >= 1 && inFlight <= 1000)) {
    problems.push({ field: "inFlight", message: `is ${inFlight}: expected a whole number from 1 to 1000` });
  }
  if (!(arrivalsPerSecond > 0 && arrivalsPerSecond <= 100_000)) {
    problems.push({
      field: "arrivalsPerSecond",
      message: `is ${arrivalsPerSecond}: expected more than 0, up to 100000`,
    });
  }
  if (!(CHECKSUMS as readonly string[]).includes(checksum)) {
    problems.push({ field: "checksum", message: `is ${JSON.stringify(checksum)}: expected ${CHECKSUMS.join(", ")}` });
  }
  return problems;
}
