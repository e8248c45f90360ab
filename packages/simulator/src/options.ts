/** What a simulator can be told, checked once. */

import { type Clock, check, InvalidInputError, VirtualClock } from "@evertoken/core";
import * as v from "valibot";
import { type FaultPeriod, faultPeriod } from "./faults.js";

export interface SimulatorOptions {
  /** Port of IMDS; 0: any free one. Default 0. */
  readonly imdsPort?: number | undefined;
  /** Port of S3; 0: any free one. Default 0. */
  readonly s3Port?: number | undefined;
  /** The time of everything it does. Default: one of its own that starts at the present and runs at `speed`. */
  readonly clock?: Clock | undefined;
  /** Simulated seconds per real one, for a clock of its own. Default 1. */
  readonly speed?: number | undefined;
  /** Same seed, same requests: same credentials and identifiers. Default 1. */
  readonly seed?: number | undefined;
  /** The instance's region, and the one that S3 expects in signatures. Default `us-east-1`. */
  readonly region?: string | undefined;
  /** The role that is attached to the instance. Default `evertoken-role`. */
  readonly roleName?: string | undefined;
  /** How long credentials live, in milliseconds. Default 6 hours, as on EC2. */
  readonly credentialLifetimeMs?: number | undefined;
  /** How often others are handed out, in milliseconds. Default 1 hour, as on EC2, or half the lifetime if that is shorter. */
  readonly rotationIntervalMs?: number | undefined;
  /** Create a bucket when it is first used, instead of answering `NoSuchBucket`. Default true. */
  readonly createBuckets?: boolean | undefined;
  /**
   * A folder that keeps the objects of S3 on disk, created if need be: no write that was acknowledged is lost, not even
   * by `kill -9`. One simulator at a time. Default: none, everything is in memory.
   */
  readonly dataDir?: string | undefined;
  /** What goes wrong, and when. Default: nothing. */
  readonly timeline?: readonly FaultPeriod[] | undefined;
}

export interface SimulatorSettings {
  readonly imdsPort: number;
  readonly s3Port: number;
  readonly clock: Clock;
  readonly seed: number;
  readonly region: string;
  readonly roleName: string;
  readonly credentialLifetimeMs: number;
  readonly rotationIntervalMs: number;
  readonly createBuckets: boolean;
  readonly dataDir?: string | undefined;
  readonly timeline: readonly FaultPeriod[];
}

const HOUR_MS = 3_600_000;

const portMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a whole number from 0 to 65535`;
const port = v.optional(
  v.pipe(v.number(portMessage), v.integer(portMessage), v.minValue(0, portMessage), v.maxValue(65_535, portMessage)),
  0,
);

const lengthMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected milliseconds, 1000 or more`;
const length = v.pipe(v.number(lengthMessage), v.finite(lengthMessage), v.minValue(1000, lengthMessage));

const speedMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a number > 0`;

function isClock(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const clock = value as Partial<Clock>;
  const parts = [clock.now, clock.monotonic, clock.sleep, clock.setTimer];
  return parts.every((part) => typeof part === "function") && typeof clock.network === "object";
}

const schema = v.strictObject({
  imdsPort: port,
  s3Port: port,
  clock: v.optional(v.custom<Clock>(isClock, "must be a Clock of @evertoken/core: systemClock, or a VirtualClock")),
  speed: v.optional(v.pipe(v.number(speedMessage), v.finite(speedMessage), v.gtValue(0, speedMessage))),
  seed: v.optional(v.pipe(v.number("must be a whole number"), v.integer("must be a whole number")), 1),
  region: v.optional(v.pipe(v.string("must be the name of a region"), v.nonEmpty("must not be empty")), "us-east-1"),
  roleName: v.optional(
    v.pipe(
      v.string("must be the name of a role"),
      v.regex(
        /^[\w+=,.@-]{1,64}$/,
        (issue) => `is ${JSON.stringify(issue.input)}: expected 1 to 64 of A-Z a-z 0-9 _+=,.@-`,
      ),
    ),
    "evertoken-role",
  ),
  credentialLifetimeMs: v.optional(length, 6 * HOUR_MS),
  rotationIntervalMs: v.optional(length),
  createBuckets: v.optional(v.boolean("must be true or false"), true),
  dataDir: v.optional(v.pipe(v.string("must be the path of a folder"), v.nonEmpty("must not be empty"))),
  timeline: v.optional(v.array(faultPeriod, "must be a list of faults with their hours"), []),
});

const endpointsSchema = v.strictObject({
  client: v.pipe(v.string("must be text"), v.nonEmpty("must not be empty: the journal tells clients apart by it")),
});

/** @throws InvalidInputError when `client` cannot be a label. */
export function checkClientLabel(client: string): void {
  check(endpointsSchema, { client }, "openEndpoints");
}

const WHERE = "startSimulator options";

/** @throws InvalidInputError naming each option that is wrong. */
export function simulatorSettings(options: SimulatorOptions): SimulatorSettings {
  const { clock, speed, rotationIntervalMs, ...given } = check(schema, options, WHERE);
  if (clock !== undefined && speed !== undefined) {
    const message = "is given together with clock, which has a speed of its own: expected one of the two";
    throw new InvalidInputError(WHERE, [{ field: "speed", message }]);
  }
  const { credentialLifetimeMs } = given;
  if (rotationIntervalMs !== undefined && rotationIntervalMs > credentialLifetimeMs) {
    const message = `is ${rotationIntervalMs}: expected at most credentialLifetimeMs (${credentialLifetimeMs}), or there would be times without valid credentials`;
    throw new InvalidInputError(WHERE, [{ field: "rotationIntervalMs", message }]);
  }
  return {
    ...given,
    clock: clock ?? new VirtualClock({ speed: speed ?? 1 }),
    rotationIntervalMs: rotationIntervalMs ?? Math.min(HOUR_MS, credentialLifetimeMs / 2),
  };
}
