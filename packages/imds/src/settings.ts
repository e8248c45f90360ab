/**
 * What an IMDS client can be told, by options and by the environment variables that every AWS SDK knows, checked once.
 * An option wins over the environment, the environment over the default. A bad value is refused with its source named.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html
 */

import { type Clock, check, InvalidInputError, type Random, systemClock, systemRandom } from "@evertoken/core";
import * as v from "valibot";
import { imdsProtocol } from "./protocol.js";

export interface ImdsOptions {
  /**
   * Where IMDS listens: `http://host[:port][/path]`, with or without a trailing slash.
   * Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT`. Default: the link-local address of `endpointMode`.
   */
  readonly endpoint?: string | undefined;
  /** Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`. Default `IPv4`. */
  readonly endpointMode?: "IPv4" | "IPv6" | undefined;
  /**
   * How long one attempt may take, connecting included, in milliseconds of real time.
   * Environment: `AWS_METADATA_SERVICE_TIMEOUT` (in seconds). Default 1000.
   */
  readonly timeoutMs?: number | undefined;
  /** How often a request is tried in all. Environment: `AWS_METADATA_SERVICE_NUM_ATTEMPTS`. Default 3. */
  readonly attempts?: number | undefined;
  /** How long a session token shall live, in seconds: 1 to 21600. Default 21600. */
  readonly tokenTtlSeconds?: number | undefined;
  /** Refuse every request without sending one. Environment: `AWS_EC2_METADATA_DISABLED`. Default false. */
  readonly disabled?: boolean | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** {@link ImdsOptions} with every question answered. */
export interface ImdsSettings {
  /** Without a trailing slash. */
  readonly endpoint: string;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly tokenTtlSeconds: number;
  readonly disabled: boolean;
  readonly clock: Clock;
  readonly random: Random;
}

const endpointUrl = v.pipe(
  v.string("must be a string: http://host[:port][/path]"),
  v.check(isHttpUrl, (issue) => `is ${JSON.stringify(issue.input)}: expected http://host[:port][/path]`),
);
const timeoutMs = v.pipe(
  v.number("must be a number of milliseconds > 0"),
  v.finite("must be a finite number of milliseconds > 0"),
  v.minValue(1, (issue) => `is ${issue.input}: expected milliseconds, 1 or more`),
);
const attempts = v.pipe(
  v.number("must be a whole number from 1 to 100"),
  v.integer((issue) => `is ${issue.input}: expected a whole number from 1 to 100`),
  v.minValue(1, (issue) => `is ${issue.input}: expected a whole number from 1 to 100`),
  v.maxValue(100, (issue) => `is ${issue.input}: expected a whole number from 1 to 100`),
);
const tokenTtlMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected whole seconds from 1 to ${imdsProtocol.maxTokenTtlSeconds}`;

const optionsSchema = v.strictObject({
  endpoint: v.optional(endpointUrl),
  endpointMode: v.optional(v.picklist(["IPv4", "IPv6"], 'must be "IPv4" or "IPv6"')),
  timeoutMs: v.optional(timeoutMs),
  attempts: v.optional(attempts),
  tokenTtlSeconds: v.optional(
    v.pipe(
      v.number("must be a number of seconds"),
      v.integer(tokenTtlMessage),
      v.minValue(1, tokenTtlMessage),
      v.maxValue(imdsProtocol.maxTokenTtlSeconds, tokenTtlMessage),
    ),
  ),
  disabled: v.optional(v.boolean("must be true or false")),
  clock: v.optional(v.custom<Clock>((value) => typeof value === "object" && value !== null, "must be a Clock")),
  random: v.optional(v.custom<Random>((value) => typeof value === "function", "must be a function")),
});

/** @throws InvalidInputError naming each option or environment variable that is wrong. */
export function imdsSettings(options: ImdsOptions = {}, environment: NodeJS.ProcessEnv = process.env): ImdsSettings {
  const given = check(optionsSchema, options, "IMDS options");
  const fromEnvironment = readEnvironment(environment);
  const mode = given.endpointMode ?? fromEnvironment.endpointMode ?? "IPv4";
  const defaultEndpoint = mode === "IPv6" ? imdsProtocol.ipv6Endpoint : imdsProtocol.ipv4Endpoint;
  return Object.freeze({
    endpoint: (given.endpoint ?? fromEnvironment.endpoint ?? defaultEndpoint).replace(/\/+$/, ""),
    timeoutMs: given.timeoutMs ?? fromEnvironment.timeoutMs ?? 1000,
    attempts: given.attempts ?? fromEnvironment.attempts ?? 3,
    tokenTtlSeconds: given.tokenTtlSeconds ?? imdsProtocol.maxTokenTtlSeconds,
    disabled: given.disabled ?? fromEnvironment.disabled ?? false,
    clock: given.clock ?? systemClock,
    random: given.random ?? systemRandom,
  });
}

type EnvironmentSettings = Partial<
  Pick<ImdsSettings, "endpoint" | "timeoutMs" | "attempts" | "disabled"> & { endpointMode: "IPv4" | "IPv6" }
>;

function readEnvironment(environment: NodeJS.ProcessEnv): EnvironmentSettings {
  const read = <T>(name: string, expected: string, parse: (text: string) => T | undefined): T | undefined => {
    const text = environment[name]?.trim();
    if (text === undefined || text === "") return undefined;
    const value = parse(text);
    if (value !== undefined) return value;
    throw new InvalidInputError("environment", [{ field: `${name}=${text}`, message: `expected ${expected}` }]);
  };
  const settings = {
    endpoint: read("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://host[:port][/path]", (text) =>
      isHttpUrl(text) ? text : undefined,
    ),
    endpointMode: read("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4 or IPv6", (text) =>
      (["IPv4", "IPv6"] as const).find((mode) => mode.toLowerCase() === text.toLowerCase()),
    ),
    timeoutMs: read("AWS_METADATA_SERVICE_TIMEOUT", "seconds > 0", (text) => {
      const seconds = Number(text);
      return seconds > 0 && Number.isFinite(seconds) ? seconds * 1000 : undefined;
    }),
    attempts: read("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "a whole number from 1 to 100", (text) => {
      const number = Number(text);
      return Number.isInteger(number) && number >= 1 && number <= 100 ? number : undefined;
    }),
    disabled: read(
      "AWS_EC2_METADATA_DISABLED",
      "true or false",
      (text) => ({ true: true, false: false })[text.toLowerCase()],
    ),
  };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" && url.search === "" && url.hash === "" && url.username === "";
}
