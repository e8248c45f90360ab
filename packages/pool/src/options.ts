/** What a pool can be told, checked once. */

import { type Clock, check, systemClock } from "@evertoken/core";
import type { Keeper, Provider } from "@evertoken/credentials";
import * as v from "valibot";
import type { AwsClient } from "./aws-types.js";

export interface ClientPoolOptions<C extends AwsClient> {
  /** How many clients at most: 1 to 10,000. Each is created when it is first needed. */
  readonly size: number;
  /** Makes one client. Give it the `credentials` it is handed, or it will not be kept fresh. */
  readonly create: (member: { readonly credentials: Provider }) => C;
  /** Keeps the credentials of all members. It stays open when the pool closes. */
  readonly keeper: Keeper;
  /** Ends what the members share, after the last of them is destroyed. */
  readonly afterClose?: (() => void | Promise<void>) | undefined;
  readonly clock?: Clock | undefined;
}

export interface ClientPoolSettings<C extends AwsClient> extends ClientPoolOptions<C> {
  readonly clock: Clock;
}

const sizeMessage = (issue: { input: unknown }) => `is ${String(issue.input)}: expected a whole number from 1 to 10000`;

/** How many clients a pool may have. */
export const poolSize = v.pipe(
  v.number("must be a whole number from 1 to 10000"),
  v.integer(sizeMessage),
  v.minValue(1, sizeMessage),
  v.maxValue(10_000, sizeMessage),
);

const isFunction = (value: unknown) => typeof value === "function";

const schema = v.strictObject({
  size: poolSize,
  create: v.custom<() => AwsClient>(isFunction, "must be a function that makes one client"),
  keeper: v.custom<Keeper>(
    (value) => typeof value === "object" && value !== null && "provider" in value && "reject" in value,
    "must be a Keeper: createKeeper(…)",
  ),
  afterClose: v.optional(v.custom<() => void>(isFunction, "must be a function")),
  clock: v.optional(v.custom<Clock>((value) => typeof value === "object" && value !== null, "must be a Clock")),
});

/** @throws InvalidInputError naming each option that is wrong. */
export function clientPoolSettings<C extends AwsClient>(options: ClientPoolOptions<C>): ClientPoolSettings<C> {
  check(schema, options, "createClientPool options");
  return Object.freeze({ ...options, clock: options.clock ?? systemClock });
}
