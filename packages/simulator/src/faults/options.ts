/** What a fault can be told, checked once: which fault, its options, which requests, and when. */

import { check, InvalidInputError } from "@evertoken/core";
import * as v from "valibot";
import { likest } from "../likest.js";
import { SERVICES } from "../services.js";
import { whole } from "../whole-number.js";
import type { Fault, FaultOptions } from "./fault.js";
import { FAULTS, type FaultName } from "./table.js";

/** A fault on the timeline. Hours are counted from the start of the simulator, by its clock. */
export interface FaultPeriod extends FaultOptions {
  readonly fault: FaultName;
  readonly fromHours: number;
  /** Not for faults of an instant. Absent: to the end. */
  readonly toHours?: number | undefined;
}

const hours = v.pipe(
  v.number("must be a number of hours"),
  v.finite("must be a finite number of hours"),
  v.minValue(0, (issue) => `is ${issue.input}: expected hours, 0 or more`),
);

const name = v.pipe(v.string("must be text"), v.nonEmpty("must not be empty"));

const chance = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a number above 0, up to 1`;

const names = Object.keys(FAULTS) as [FaultName, ...FaultName[]];

const faultName = v.picklist(names, ({ input, received }) => {
  const like = likest(typeof input === "string" ? input : "", names).join(", ");
  return `is ${received}: expected one of ${like}, … (docs/simulator.md and evertoken simulate --help have all ${names.length})`;
});

const MOST = 1_000_000;

const selector = v.pipe(
  v.strictObject({
    operation: v.optional(name),
    category: v.optional(name),
    client: v.optional(name),
    keyPrefix: v.optional(name),
    nth: v.optional(whole(1, MOST)),
    every: v.optional(whole(1, MOST)),
    probability: v.optional(v.pipe(v.number(chance), v.gtValue(0, chance), v.maxValue(1, chance))),
  }),
  v.check(({ nth, every }) => nth === undefined || every === undefined, "has nth and every: expected one of the two"),
);

const optionEntries = {
  delayMs: v.optional(whole(1, 600_000)),
  p99Ms: v.optional(whole(1, 600_000)),
  status: v.optional(whole(400, 599)),
  retryAfterSeconds: v.optional(whole(0, 86_400)),
  seconds: v.optional(whole(1, 31_536_000)),
  bytesPerSecond: v.optional(whole(1, 1 << 30)),
  perSecond: v.optional(whole(0, MOST)),
  code: v.optional(name),
  count: v.optional(whole(1, MOST)),
  where: v.optional(selector),
};

const faultOptions = v.strictObject(optionEntries);

export const faultPeriod = v.pipe(
  v.strictObject({ fault: faultName, fromHours: hours, toHours: v.optional(hours), ...optionEntries }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { fault, fromHours, toHours, ...options } = dataset.value;
    if (toHours !== undefined && FAULTS[fault].kind === "instant") {
      addIssue({ message: `has toHours, but ${fault} happens in an instant: expected fromHours alone` });
    }
    if (toHours !== undefined && toHours <= fromHours) {
      addIssue({
        message: `ends at ${toHours} h, not after its start at ${fromHours} h: expected toHours > fromHours`,
      });
    }
    const foreign = foreignOption(FAULTS[fault], options);
    if (foreign !== undefined) addIssue({ message: `has ${foreign}, which means nothing to ${fault}` });
  }),
);

/** @throws InvalidInputError for an unknown fault, a bad option, or one that means nothing to it. */
export function checkFault(fault: FaultName, options: FaultOptions): void {
  check(faultName, fault, "fault");
  const where = `options of the fault ${fault}`;
  check(faultOptions, options, where);
  const foreign = foreignOption(FAULTS[fault], options);
  if (foreign !== undefined) throw new InvalidInputError(where, [{ field: foreign, message: "means nothing to it" }]);
}

/** An option that is given and that this fault does not know. */
function foreignOption({ services = [], options = [] }: Fault, given: FaultOptions): string | undefined {
  const known = new Set<string>(options);
  if (services.length > 0) for (const option of ["count", "where"]) known.add(option);
  const foreign = Object.entries(given).find(([option, value]) => value !== undefined && !known.has(option));
  if (foreign !== undefined) return foreign[0];
  // Keys are S3's, categories are those of all others: aimed at the wrong service, a fault would quietly never strike.
  const { keyPrefix, category } = given.where ?? {};
  if (keyPrefix !== undefined && !services.includes("s3")) return "where.keyPrefix";
  const categorised = SERVICES.some((service) => service !== "s3" && services.includes(service));
  return category !== undefined && !categorised ? "where.category" : undefined;
}
