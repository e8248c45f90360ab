/** What a pool can be told, checked once. */

import { type Clock, check, type Random, systemClock, systemRandom } from "@evertoken/core";
import type { Keeper, Provider } from "@evertoken/credentials";
import * as v from "valibot";
import type { AwsClient, SendOptions } from "./aws-types.js";
import type { Choice } from "./choice.js";
import { DEFAULT_EJECTION, type EjectionSettings } from "./outlier.js";
import type { Seat } from "./seat.js";

/** A part of the size at which S3 uploads begin to be cut into parts, and a hundred of them are no burden. */
export const DEFAULT_REPLAY_BUFFER_BYTES = 1_048_576;

/** What any pool can be told about its clients and their requests. */
export interface PoolBehaviour {
  /** Which client takes a request. Default `power-of-two-choices`. */
  readonly choice?: Choice | undefined;
  /** Requests and leases of one client at a time, 1 or more. Default: no bound. */
  readonly maxInFlight?: number | undefined;
  /** Requests that may wait for a client with room; 0: none. Default 1,000. */
  readonly maxQueue?: number | undefined;
  /** How long a request may wait for a client with room, in milliseconds. Default 10,000. */
  readonly queueTimeoutMs?: number | undefined;
  /** A client is replaced when it is that old, in milliseconds, less up to 10 % at random. Default 3,600,000. */
  readonly maxLifetimeMs?: number | undefined;
  /** A client that nobody has used for so long is let go, in milliseconds. Default 600,000. */
  readonly idleTimeoutMs?: number | undefined;
  /** When a client that fails where others do not gets no requests for a while; `false`: never. */
  readonly ejection?: Partial<EjectionSettings> | false | undefined;
  /** How much of a stream is kept so that it can be sent again, in bytes a request. Default 1,048,576. */
  readonly replayBufferBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** @param seat where the request is: gives the client when it is needed. */
export type SendBy<C extends AwsClient> = (seat: Seat<C>, command: object, options?: SendOptions) => Promise<unknown>;

export interface ClientPoolOptions<C extends AwsClient> extends PoolBehaviour {
  /** How many clients at most: 1 to 10,000. Each is created when it is first needed. */
  readonly size: number;
  /** Makes one client. Give it the `credentials` it is handed, or it will not be kept fresh. */
  readonly create: (member: { readonly credentials: Provider }) => C;
  /** Keeps the credentials of all members. It stays open when the pool closes. */
  readonly keeper: Keeper;
  /**
   * Sends a command another way than by a client's own `send`. The client of a member is then created only when this, or a
   * lease, asks for it. Default: the client's `send`.
   */
  readonly send?: SendBy<C> | undefined;
  /** Ends what the members share, after the last of them is destroyed. */
  readonly afterClose?: (() => void | Promise<void>) | undefined;
}

export interface ClientPoolSettings<C extends AwsClient> {
  readonly size: number;
  readonly create: (member: { readonly credentials: Provider }) => C;
  readonly keeper: Keeper;
  readonly send: SendBy<C> | undefined;
  readonly afterClose: (() => void | Promise<void>) | undefined;
  readonly choice: Choice;
  readonly maxInFlight: number;
  readonly maxQueue: number;
  readonly queueTimeoutMs: number;
  readonly maxLifetimeMs: number;
  readonly idleTimeoutMs: number;
  readonly ejection: EjectionSettings | false;
  readonly replayBufferBytes: number;
  readonly clock: Clock;
  readonly random: Random;
}

const wholeNumber = (least: number, most: number) => {
  const expected = Number.isFinite(most)
    ? `a whole number from ${least} to ${most}`
    : `a whole number, ${least} or more`;
  const message = (issue: { input: unknown }) => `is ${String(issue.input)}: expected ${expected}`;
  return v.pipe(
    v.number(`must be ${expected}`),
    v.check((value) => Number.isInteger(value) || value === most, message),
    v.minValue(least, message),
    v.maxValue(most, message),
  );
};

const milliseconds = v.pipe(
  v.number("must be a number of milliseconds"),
  v.finite((issue) => `is ${issue.input}: expected a finite number of milliseconds`),
  v.minValue(1, (issue) => `is ${issue.input}: expected milliseconds, 1 or more`),
);

const percent = v.pipe(
  v.number("must be a number from 0 to 100"),
  v.minValue(0, (issue) => `is ${issue.input}: expected a number from 0 to 100`),
  v.maxValue(100, (issue) => `is ${issue.input}: expected a number from 0 to 100`),
);

const isFunction = (value: unknown) => typeof value === "function";
const isObject = (value: unknown) => typeof value === "object" && value !== null;

/** How many clients a pool may have. */
export const poolSize = wholeNumber(1, 10_000);

const ejection = v.strictObject({
  consecutiveFailures: v.optional(wholeNumber(1, Number.POSITIVE_INFINITY), DEFAULT_EJECTION.consecutiveFailures),
  intervalMs: v.optional(milliseconds, DEFAULT_EJECTION.intervalMs),
  minRequests: v.optional(wholeNumber(1, Number.POSITIVE_INFINITY), DEFAULT_EJECTION.minRequests),
  minMembers: v.optional(wholeNumber(1, Number.POSITIVE_INFINITY), DEFAULT_EJECTION.minMembers),
  baseEjectionMs: v.optional(milliseconds, DEFAULT_EJECTION.baseEjectionMs),
  maxEjectionMs: v.optional(milliseconds, DEFAULT_EJECTION.maxEjectionMs),
  maxEjectionPercent: v.optional(percent, DEFAULT_EJECTION.maxEjectionPercent),
});

/** The entries of {@link PoolBehaviour} for a schema, so that a pool for one service takes them as well. */
export const poolBehaviour = {
  choice: v.optional(
    v.union(
      [v.picklist(["power-of-two-choices", "round-robin"]), v.custom<Exclude<Choice, string>>(isFunction)],
      'must be "power-of-two-choices", "round-robin" or a function',
    ),
    "power-of-two-choices",
  ),
  maxInFlight: v.optional(wholeNumber(1, Number.POSITIVE_INFINITY), Number.POSITIVE_INFINITY),
  maxQueue: v.optional(wholeNumber(0, Number.POSITIVE_INFINITY), 1000),
  queueTimeoutMs: v.optional(milliseconds, 10_000),
  maxLifetimeMs: v.optional(milliseconds, 3_600_000),
  idleTimeoutMs: v.optional(milliseconds, 600_000),
  ejection: v.optional(v.union([v.literal(false), ejection], "must be false or an object"), DEFAULT_EJECTION),
  replayBufferBytes: v.optional(wholeNumber(0, Number.MAX_SAFE_INTEGER), DEFAULT_REPLAY_BUFFER_BYTES),
  clock: v.optional(v.custom<Clock>(isObject, "must be a Clock"), systemClock),
  random: v.optional(
    v.custom<Random>(isFunction, "must be a function that returns numbers from 0 to 1"),
    () => systemRandom,
  ),
};

const schema = v.strictObject({
  size: poolSize,
  create: v.custom<() => AwsClient>(isFunction, "must be a function that makes one client"),
  keeper: v.custom<Keeper>(
    (value) => typeof value === "object" && value !== null && "provider" in value && "reject" in value,
    "must be a Keeper: createKeeper(…)",
  ),
  send: v.optional(v.custom<() => Promise<unknown>>(isFunction, "must be a function that sends a command")),
  afterClose: v.optional(v.custom<() => void>(isFunction, "must be a function")),
  ...poolBehaviour,
});

/** @throws InvalidInputError naming each option that is wrong. */
export function clientPoolSettings<C extends AwsClient>(options: ClientPoolOptions<C>): ClientPoolSettings<C> {
  const {
    size: _size,
    create: _create,
    keeper: _keeper,
    send: _send,
    afterClose: _afterClose,
    ...behaviour
  } = check(schema, options, "createClientPool options");
  const { size, create, keeper, send, afterClose } = options;
  return Object.freeze({ ...behaviour, size, create, keeper, send, afterClose });
}

const closing = v.strictObject({
  drainMs: v.optional(
    v.pipe(
      v.number("must be a number of milliseconds"),
      v.minValue(0, (issue) => `is ${issue.input}: expected milliseconds, 0 or more`),
    ),
    10_000,
  ),
});

/** @throws InvalidInputError naming each option that is wrong. */
export function closeSettings(options: { readonly drainMs?: number | undefined }): { readonly drainMs: number } {
  return check(closing, options, "close options");
}
