/** What a simulator can be told, checked once. */

import { type Clock, check, InvalidInputError, type LocalPage, VirtualClock } from "@evertoken/core";
import * as v from "valibot";
import { type FaultPeriod, faultPeriod } from "./faults/options.js";
import { type PlannedInstanceEvent, plannedInstanceEvent, roleName } from "./instance/events.js";
import { type MetadataOptionsInput, metadataOptions } from "./instance/metadata-options.js";
import type { InstanceOverrides } from "./instance/overrides.js";
import type { LinkLocalLimits } from "./link-local-limits.js";
import type { Scenario } from "./scenario/scenario.js";
import type { Simulator } from "./simulator.js";
import { whole } from "./whole-number.js";

export interface SimulatorOptions {
  /** Port of IMDS; 0: any free one. Default 0. */
  readonly imdsPort?: number | undefined;
  /** Port of S3; 0: any free one. Default 0. */
  readonly s3Port?: number | undefined;
  /** Port of STS; 0: any free one. Default 0. */
  readonly stsPort?: number | undefined;
  /** Port of the container credentials endpoint; 0: any free one. Default 0. */
  readonly containerPort?: number | undefined;
  /** Whether IMDS listens on `::1` as well. Default false. */
  readonly ipv6?: boolean | undefined;
  /**
   * Whether IMDS is at 169.254.169.254 and the ECS agent at 169.254.170.2 as well, for programs that cannot be told another
   * address. Both must be addresses of the loopback interface, and port 80 allowed. Default false.
   */
  readonly linkLocal?: boolean | undefined;
  /** How far away from IMDS its clients are: 1 on the host itself (default), 2 in a container on a bridge. */
  readonly hops?: number | undefined;
  /** Port of the admin API; 0: any free one. Default: there is none. */
  readonly adminPort?: number | undefined;
  /** Makes the page that the admin port shows to browsers. Default: there is none. */
  readonly page?: ((simulator: Simulator) => LocalPage) | undefined;
  /** The time of everything it does. Default: one of its own that starts at the present and runs at `speed`. */
  readonly clock?: Clock | undefined;
  /** Simulated seconds per real one, for a clock of its own. Default 1. */
  readonly speed?: number | undefined;
  /** Same seed, same requests: same credentials and identifiers. Default 1. */
  readonly seed?: number | undefined;
  /** The instance's region, and the one that S3 expects in signatures. Default `us-east-1`. */
  readonly region?: string | undefined;
  /** The role that is attached to the instance; null: none. Default `evertoken-role`. */
  readonly roleName?: string | null | undefined;
  /** What the instance is, in place of the values that follow from the seed. */
  readonly instance?: InstanceOverrides | undefined;
  /** The same from a YAML or JSON file, which `simulator.instance.load()` reads again. */
  readonly instanceFile?: string | undefined;
  /** What EC2 announces to the instance, and what is done to its role, and when. Default: nothing. */
  readonly instanceEvents?: readonly PlannedInstanceEvent[] | undefined;
  /** By the names that EC2's API has for them. Default: IMDSv2 alone, a hop limit of 1, no tags. */
  readonly metadataOptions?: MetadataOptionsInput | undefined;
  /** Whether IMDS has the path that tells the account with the credentials, as most hosts do by now. Default true. */
  readonly extendedCredentials?: boolean | undefined;
  /** How much may be asked of IMDS in a second. Default: no limit. */
  readonly imdsLimits?: LinkLocalLimits | undefined;
  /** How long credentials live, in milliseconds. Default 6 hours, as on EC2. */
  readonly credentialLifetimeMs?: number | undefined;
  /** How often others are handed out, in milliseconds. Default 1 hour, as on EC2, or half the lifetime if that is shorter. */
  readonly rotationIntervalMs?: number | undefined;
  /**
   * Instead of `rotationIntervalMs`: how long old and new credentials are good together, in milliseconds. EC2 promises five
   * minutes at least.
   */
  readonly credentialOverlapMs?: number | undefined;
  /** Create a bucket when it is first used, instead of answering `NoSuchBucket`. Default true. */
  readonly createBuckets?: boolean | undefined;
  /** A file that gets a line of JSON for each request and event, besides the journal in memory. It is replaced. Default: none. */
  readonly journalFile?: string | undefined;
  /**
   * What goes wrong, when, and what is expected: the name of a scenario that comes with this package, the path of a file, or one
   * that was loaded before. Other options go before what it says. Default: none.
   */
  readonly scenario?: string | Scenario | undefined;
  /**
   * A folder that keeps the objects of S3 on disk, created if need be: no write that was acknowledged is lost, not even
   * by `kill -9`. One simulator at a time. Default: none, everything is in memory.
   */
  readonly dataDir?: string | undefined;
  /** What goes wrong, and when. Default: nothing. */
  readonly timeline?: readonly FaultPeriod[] | undefined;
}

/** Options, filled in. Which instance it is is checked where it is described. */
export interface SimulatorSettings
  extends Readonly<Omit<v.InferOutput<typeof schema>, "clock" | "rotationIntervalMs">> {
  readonly clock: Clock;
  readonly rotationIntervalMs: number;
  readonly scenario?: Scenario | undefined;
}

const HOUR_MS = 3_600_000;

const hops = v.optional(whole(1, 64), 1);
const port = v.optional(whole(0, 65_535), 0);

const lengthMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected milliseconds, 1000 or more`;
const length = v.pipe(v.number(lengthMessage), v.finite(lengthMessage), v.minValue(1000, lengthMessage));

const speedMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a number > 0`;

const regionMessage = (issue: { input: unknown }) =>
  `is ${JSON.stringify(issue.input)}: expected the name of a region, as eu-central-1`;

function isClock(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const clock = value as Partial<Clock>;
  const parts = [clock.now, clock.monotonic, clock.sleep, clock.setTimer];
  return parts.every((part) => typeof part === "function") && typeof clock.network === "object";
}

const schema = v.strictObject({
  imdsPort: port,
  s3Port: port,
  stsPort: port,
  containerPort: port,
  adminPort: v.optional(whole(0, 65_535)),
  page: v.optional(
    v.custom<(simulator: Simulator) => LocalPage>((value) => typeof value === "function", "must be a function"),
  ),
  ipv6: v.optional(v.boolean("must be true or false"), false),
  linkLocal: v.optional(v.boolean("must be true or false"), false),
  hops,
  clock: v.optional(v.custom<Clock>(isClock, "must be a Clock of @evertoken/core: systemClock, or a VirtualClock")),
  speed: v.optional(v.pipe(v.number(speedMessage), v.finite(speedMessage), v.gtValue(0, speedMessage))),
  seed: v.optional(v.pipe(v.number("must be a whole number"), v.integer("must be a whole number")), 1),
  region: v.optional(v.pipe(v.string(regionMessage), v.regex(/^[a-z0-9-]{1,64}$/, regionMessage)), "us-east-1"),
  roleName: v.optional(v.nullable(roleName), "evertoken-role"),
  instance: v.optional(
    v.custom<InstanceOverrides>((value) => typeof value === "object", "must be an object"),
    {},
  ),
  instanceFile: v.optional(v.pipe(v.string("must be a path"), v.nonEmpty("must not be empty"))),
  instanceEvents: v.optional(v.array(plannedInstanceEvent, "must be a list of events with their hours"), []),
  metadataOptions: v.optional(metadataOptions, {}),
  extendedCredentials: v.optional(v.boolean("must be true or false"), true),
  imdsLimits: v.optional(
    v.strictObject({
      packetsPerSecond: v.optional(whole(1, 1_000_000)),
      requestsPerSecond: v.optional(whole(1, 1_000_000)),
    }),
    {},
  ),
  credentialLifetimeMs: v.optional(length, 6 * HOUR_MS),
  rotationIntervalMs: v.optional(length),
  credentialOverlapMs: v.optional(length),
  createBuckets: v.optional(v.boolean("must be true or false"), true),
  journalFile: v.optional(v.pipe(v.string("must be the path of a file"), v.nonEmpty("must not be empty"))),
  dataDir: v.optional(v.pipe(v.string("must be the path of a folder"), v.nonEmpty("must not be empty"))),
  timeline: v.optional(v.array(faultPeriod, "must be a list of faults with their hours"), []),
});

export interface EndpointOptions {
  /** How far away from IMDS the client is: 1 on the host itself (default), 2 in a container on a bridge. */
  readonly hops?: number | undefined;
}

const endpointsSchema = v.strictObject({
  client: v.pipe(v.string("must be text"), v.nonEmpty("must not be empty: the journal tells clients apart by it")),
  hops,
});

/** @throws InvalidInputError when `client` cannot be a label, or `hops` no distance. */
export function endpointSettings(client: string, options: EndpointOptions): { readonly hops: number } {
  return check(endpointsSchema, { client, ...options }, "openEndpoints");
}

const WHERE = "startSimulator options";

/** @throws InvalidInputError naming each option that is wrong. */
export function simulatorSettings(
  options: Omit<SimulatorOptions, "scenario">,
  scenario: Scenario | undefined,
): SimulatorSettings {
  const given = check(schema, played(options, scenario), WHERE);
  const { clock, speed } = given;
  assertOneOf("speed", speed, "clock", clock, "which has a speed of its own");
  assertOneOf("instanceFile", given.instanceFile, "instance", options.instance, "which says the same");
  return {
    ...given,
    scenario,
    clock: clock ?? new VirtualClock({ speed: speed ?? 1 }),
    rotationIntervalMs: rotationInterval(given),
  };
}

function assertOneOf(field: string, value: unknown, other: string, otherValue: unknown, which: string): void {
  if (value === undefined || otherValue === undefined) return;
  const message = `is given together with ${other}, ${which}: expected one of the two`;
  throw new InvalidInputError(WHERE, [{ field, message }]);
}

function rotationInterval(given: v.InferOutput<typeof schema>): number {
  const { credentialLifetimeMs: lifetimeMs, rotationIntervalMs, credentialOverlapMs: overlapMs } = given;
  assertOneOf("credentialOverlapMs", overlapMs, "rotationIntervalMs", rotationIntervalMs, "from which it follows");
  if (overlapMs !== undefined) {
    if (overlapMs < lifetimeMs) return lifetimeMs - overlapMs;
    const message = `is ${overlapMs}: expected less than credentialLifetimeMs (${lifetimeMs})`;
    throw new InvalidInputError(WHERE, [{ field: "credentialOverlapMs", message }]);
  }
  if (rotationIntervalMs === undefined) return Math.min(HOUR_MS, lifetimeMs / 2);
  if (rotationIntervalMs <= lifetimeMs) return rotationIntervalMs;
  const message = `is ${rotationIntervalMs}: expected at most credentialLifetimeMs (${lifetimeMs}), or there would be times without valid credentials`;
  throw new InvalidInputError(WHERE, [{ field: "rotationIntervalMs", message }]);
}

/** What a scenario says, under what the caller says. */
function played(
  options: Omit<SimulatorOptions, "scenario">,
  scenario: Scenario | undefined,
): Omit<SimulatorOptions, "scenario"> {
  if (scenario === undefined) return options;
  const said = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { speed, ...others } = scenario.simulator;
  return {
    ...others,
    // A clock that is handed in has a speed of its own.
    ...(options.clock === undefined ? { speed } : {}),
    ...said,
    timeline: [...scenario.faults, ...(options.timeline ?? [])],
  };
}
