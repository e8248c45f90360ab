/**
 * Records whose truth is known, because they are made up from it: data for statistics, not a stand-in for a bench.
 *
 * The machine drifts from round to round, and both candidates with it; each process has a pace of its own (memory layout, what the
 * compiler happened to do); within a process one slice resembles the next.
 */

import { seededRandom } from "@evertoken/core";
import type { BenchRecord, CaseSettings, Measurement, Slice } from "../src/record.js";

export interface Truth {
  /** CPU time of one operation of A, in seconds. */
  readonly cpuSeconds?: number;
  /** How much more work B does per operation. */
  readonly moreWork?: number;
  /** A share of B's operations that take so much longer, without any work. */
  readonly tail?: { readonly share: number; readonly ms: number };
  /** How much the pace of processes differs: a standard deviation, as a share. */
  readonly processNoise?: number;
  readonly driftNoise?: number;
  readonly sliceNoise?: number;
  readonly sliceCorrelation?: number;
  readonly rounds?: number;
  readonly seed?: number;
  /** Latencies are most of the work of a comparison. */
  readonly withLatencies?: boolean;
}

export const CASE: CaseSettings = {
  name: "put-4KiB",
  operation: "put",
  sizeBytes: 4096,
  inFlight: 32,
  tls: false,
  checksum: "crc32",
};

const SLICES = 10;
const SLICE_SECONDS = 0.05;

export function generateRecord(truth: Truth = {}): BenchRecord {
  const { rounds = 12, seed = 1, driftNoise = 0.03 } = truth;
  const random = seededRandom(seed * 7919);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const measurements: Measurement[] = [];
  let drift = 0;
  for (let round = 0; round < rounds; round += 1) {
    drift = 0.7 * drift + driftNoise * normal();
    const first = random() < 0.5 ? 0 : 1;
    for (const [place, candidate] of [first, 1 - first].entries()) {
      measurements.push(measurementOf({ candidate, round, place, drift, normal, random, truth }));
    }
  }
  return recordOf(measurements, rounds, seed);
}

interface Moment {
  readonly candidate: number;
  readonly round: number;
  readonly place: number;
  readonly drift: number;
  readonly normal: () => number;
  readonly random: () => number;
  readonly truth: Truth;
}

function measurementOf({ candidate, round, place, drift, normal, random, truth }: Moment): Measurement {
  const { cpuSeconds = 0.0006, moreWork = 0, processNoise = 0.01, sliceNoise = 0.03, sliceCorrelation = 0.5 } = truth;
  const work = cpuSeconds * (candidate === 1 ? 1 + moreWork : 1) * Math.exp(drift + processNoise * normal());
  let noise = 0;
  const slices = Array.from({ length: SLICES }, (): Slice => {
    noise = sliceCorrelation * noise + sliceNoise * normal();
    const operations = Math.round(SLICE_SECONDS / (work * Math.exp(noise)));
    return { seconds: SLICE_SECONDS, operations, cpuSeconds: SLICE_SECONDS * 0.99 };
  });
  const sum = (field: keyof Slice) => slices.reduce((all, slice) => all + slice[field], 0);
  const operations = sum("operations");
  const tail = candidate === 1 ? truth.tail : undefined;
  return {
    candidate,
    case: CASE.name,
    round,
    place,
    operations,
    failures: {},
    seconds: sum("seconds"),
    cpuSeconds: sum("cpuSeconds"),
    allocatedBytes: operations * 50_000 * (1 + 0.001 * normal()),
    gcSeconds: 0.01 * Math.exp(0.2 * normal()),
    gcCount: 5,
    peakRssBytes: 150e6 * (1 + 0.01 * normal()),
    loopDelayP99Ms: 20 * Math.exp(0.1 * normal()),
    latencies:
      truth.withLatencies === false ? [] : latenciesOf(operations, work * CASE.inFlight, { normal, random, tail }),
    slices,
  };
}

function latenciesOf(
  operations: number,
  typicalSeconds: number,
  { normal, random, tail }: Pick<Moment, "normal" | "random"> & { tail: Truth["tail"] },
): Measurement["latencies"] {
  const counts = new Map<number, number>();
  for (let index = 0; index < operations; index += 1) {
    const late = tail !== undefined && random() < tail.share ? tail.ms * 1000 : 0;
    const us = typicalSeconds * 1e6 * Math.exp(0.1 * normal()) + late;
    const upToUs = Math.ceil(1.015 ** Math.ceil(Math.log(us) / Math.log(1.015)));
    counts.set(upToUs, (counts.get(upToUs) ?? 0) + 1);
  }
  return [...counts].sort(([a], [b]) => a - b);
}

function recordOf(measurements: readonly Measurement[], rounds: number, seed: number): BenchRecord {
  return {
    format: "evertoken-bench/1",
    startedAt: "2026-11-25T12:00:00.000Z",
    complete: true,
    machine: { node: "v20.20.2", platform: "linux x64", cpu: "made up", cores: 2, memoryBytes: 8e9 },
    settings: {
      cases: [CASE],
      rounds,
      measureMs: SLICES * SLICE_SECONDS * 1000,
      warmUpMs: 200,
      seed,
      target: "discard",
    },
    candidates: [
      { spec: "sdk@3.700.0", resolved: "@aws-sdk/client-s3 3.700.0" },
      { spec: "sdk@latest", resolved: "@aws-sdk/client-s3 3.1173.0" },
    ],
    measurements,
    warnings: [],
  };
}
