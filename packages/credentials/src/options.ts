/** What a Keeper can be told, checked once. */

import { type Clock, check, type Random, systemClock, systemRandom } from "@evertoken/core";
import * as v from "valibot";
import { fromDefaultChain } from "./from-default-chain.js";
import type { CredentialSource } from "./source.js";

export interface KeeperOptions {
  /** Where the credentials come from. Default: `fromDefaultChain()`, closed with the Keeper. One handed in stays open. */
  readonly source?: CredentialSource | undefined;
  /**
   * How long a caller waits for a refresh while the identity held is about to end, and how long a source must offer
   * nothing but a refused access key id until it is taken again. In milliseconds; default 1000.
   */
  readonly maxWaitMs?: number | undefined;
  /**
   * How long one answer of the source may take, all its attempts included; also how long a caller waits for the first
   * credentials, or for others when a service refused those held. In milliseconds; default 10,000.
   */
  readonly loadTimeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

export interface KeeperSettings {
  readonly source: CredentialSource;
  readonly ownsSource: boolean;
  readonly maxWaitMs: number;
  readonly loadTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

const milliseconds = v.pipe(
  v.number("must be a number of milliseconds"),
  v.finite("must be a finite number of milliseconds"),
  v.minValue(1, (issue) => `is ${issue.input}: expected milliseconds, 1 or more`),
);

const schema = v.strictObject({
  source: v.optional(
    v.custom<CredentialSource>(isSource, "must be a credential source, such as fromImds() or fromProvider(…)"),
  ),
  maxWaitMs: v.optional(milliseconds, 1000),
  loadTimeoutMs: v.optional(milliseconds, 10_000),
  clock: v.optional(v.custom<Clock>((value) => typeof value === "object" && value !== null, "must be a Clock")),
  random: v.optional(v.custom<Random>((value) => typeof value === "function", "must be a function")),
});

/** @throws InvalidInputError naming each option that is wrong. */
export function keeperSettings(options: KeeperOptions): KeeperSettings {
  const {
    source,
    clock = systemClock,
    random = systemRandom,
    ...given
  } = check(schema, options, "createKeeper options");
  return Object.freeze({
    ...given,
    source: source ?? fromDefaultChain({ clock, random }),
    ownsSource: source === undefined,
    clock,
    random,
  });
}

function isSource(value: unknown): boolean {
  return typeof value === "object" && value !== null && "load" in value && typeof value.load === "function";
}
