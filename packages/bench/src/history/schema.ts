/** What a file must hold to be taken for a record. Members that a later version may have added are let through. */

import * as v from "valibot";
import type { BenchRecord } from "../record.js";

const text = v.string("must be text");
const figure = v.pipe(v.number("must be a number"), v.finite("must be finite"));
const count = v.pipe(figure, v.minValue(0, "must be 0 or more"));
const truth = v.boolean("must be true or false");

const caseSettings = v.looseObject({
  name: text,
  operation: v.picklist(
    ["put", "get", "head", "delete", "multipart", "mixed", "rotation"],
    (issue) => `is ${issue.received}: expected an operation of the bench`,
  ),
  sizeBytes: count,
  inFlight: count,
  arrivalsPerSecond: v.exactOptional(count),
  tls: truth,
  checksum: text,
});

const measurement = v.looseObject({
  candidate: v.pipe(count, v.integer("must be a whole number")),
  case: text,
  round: count,
  place: count,
  operations: count,
  failures: v.record(text, count),
  seconds: count,
  cpuSeconds: count,
  allocatedBytes: v.exactOptional(count),
  gcSeconds: count,
  gcCount: count,
  peakRssBytes: count,
  loopDelayP99Ms: count,
  latencies: v.array(v.tuple([count, count])),
  slices: v.array(v.looseObject({ seconds: count, operations: count, cpuSeconds: count })),
  unsteady: v.exactOptional(truth),
  rotation: v.exactOptional(v.record(text, figure)),
});

export const recordSchema = v.pipe(
  v.looseObject({
    format: v.literal("evertoken-bench/1", (issue) => `is ${issue.received}: expected "evertoken-bench/1"`),
    startedAt: v.pipe(text, v.isoTimestamp("must be an instant such as 2026-11-25T12:00:00.000Z")),
    complete: truth,
    machine: v.looseObject({ node: text, platform: text, cpu: text, cores: count, memoryBytes: count }),
    settings: v.looseObject({
      cases: v.array(caseSettings),
      rounds: count,
      measureMs: count,
      warmUpMs: count,
      seed: count,
      target: text,
    }),
    candidates: v.array(v.looseObject({ spec: text, resolved: v.exactOptional(text), failure: v.exactOptional(text) })),
    measurements: v.array(measurement),
    warnings: v.array(text),
  }),
  v.check(
    ({ candidates, measurements }) => measurements.every(({ candidate }) => candidate < candidates.length),
    "has measurements of a candidate that it does not name",
  ),
  v.transform((record) => record as BenchRecord),
);
