/** What a run can be told, checked once. */

import { check, InvalidInputError, type Problem } from "@evertoken/core";
import * as v from "valibot";
import { CHECKSUMS } from "../cases/cases.js";
import type { CaseSettings, Settings } from "../record.js";

/** Settings with what may be left out: see {@link DEFAULTS}. */
export type BenchSettings = Pick<Settings, "cases"> & Partial<Settings>;

/** A comparison of two candidates in one case takes one to two minutes with these. */
export const DEFAULTS = Object.freeze({
  /** Enough for a confidence interval; more give a narrower one. */
  rounds: 10,
  /** Of a round, starting and warming up take longer than this; what seconds of one process differ by is most of the noise. */
  measureMs: 1500,
  /** The stock SDK is warm after some six thousand requests, which take it four seconds. */
  warmUpMs: 6000,
  seed: 1,
  target: "discard",
});

const whole = (min: number, max: number) => {
  const message = (issue: { input: unknown }) =>
    `is ${String(issue.input)}: expected a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
};

const caseSchema = v.strictObject({
  name: v.pipe(v.string("must be text"), v.nonEmpty("must not be empty")),
  operation: v.picklist(
    ["put", "get", "head", "delete", "multipart", "mixed", "rotation"],
    "is no operation of the bench",
  ),
  sizeBytes: whole(1, 2 ** 37),
  inFlight: whole(1, 1000),
  arrivalsPerSecond: v.optional(v.pipe(v.number("must be a number"), v.gtValue(0, "must be above 0"))),
  tls: v.boolean("must be true or false"),
  checksum: v.picklist(CHECKSUMS, (issue) => `is ${issue.received}: expected ${CHECKSUMS.join(", ")}`),
});

const schema = v.strictObject({
  cases: v.pipe(v.array(caseSchema, "must be a list of cases"), v.nonEmpty("is empty: expected at least one case")),
  rounds: v.optional(whole(1, 1000), DEFAULTS.rounds),
  measureMs: v.optional(whole(100, 600_000), DEFAULTS.measureMs),
  warmUpMs: v.optional(whole(0, 600_000), DEFAULTS.warmUpMs),
  seed: v.optional(whole(0, 2 ** 32 - 1), DEFAULTS.seed),
  target: v.optional(
    v.pipe(
      v.string("must be text"),
      v.check(
        isTarget,
        (issue) => `is ${JSON.stringify(issue.input)}: expected discard, simulator or http(s)://host[:port]`,
      ),
    ),
    DEFAULTS.target,
  ),
  bucket: v.optional(v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"))),
  region: v.optional(v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"))),
});

/** @throws InvalidInputError naming each setting that is wrong, or that the target has no use for. */
export function benchSettings(given: BenchSettings): Settings {
  const settings = check(schema, given, "settings of the bench") as Settings;
  const { cases, target, bucket, region } = settings;
  const problems: Problem[] = [];
  const isEndpoint = target !== "discard" && target !== "simulator";
  for (const [field, value] of [
    ["bucket", bucket],
    ["region", region],
  ] as const) {
    if (isEndpoint && value === undefined)
      problems.push({ field, message: `is missing: the target ${target} needs one` });
    if (!isEndpoint && value !== undefined)
      problems.push({ field, message: `is given, but the target is ${target}: expected an endpoint with it` });
  }
  for (const of of cases) problems.push(...schemeProblems(of, target));
  const names = cases.map(({ name }) => name);
  for (const name of new Set(names.filter((name, index) => names.indexOf(name) !== index))) {
    problems.push({ field: `case ${name}`, message: "is given twice: expected names that differ" });
  }
  if (problems.length > 0) throw new InvalidInputError("settings of the bench", problems);
  return settings;
}

/** Rotation has a world of its own, whatever the target. */
function schemeProblems({ name, operation, tls }: CaseSettings, target: string): Problem[] {
  if (target === "discard" || operation === "rotation") return [];
  const speaksTls = target !== "simulator" && new URL(target).protocol === "https:";
  if (tls === speaksTls) return [];
  const which = speaksTls ? "speaks HTTPS: expected a case with tls" : "speaks HTTP: expected a case without tls";
  return [{ field: `case ${name}`, message: `${tls ? "wants" : "has no"} tls, but the target ${target} ${which}` }];
}

function isTarget(text: string): boolean {
  if (text === "discard" || text === "simulator") return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.username === "";
}
