/** What an IMDS client can be told in code. What the environment and the shared config file say is in `settings.ts`. */

import { type Clock, check, InvalidInputError, type Random } from "@evertoken/core";
import * as v from "valibot";
import { imdsProtocol } from "./protocol.js";

export interface ImdsOptions {
  /**
   * Where IMDS listens: `http://host[:port][/path]`, with or without a trailing slash.
   * Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT`; config file: `ec2_metadata_service_endpoint`.
   * Default: the link-local address of `endpointMode`.
   */
  readonly endpoint?: string | undefined;
  /**
   * Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`; config file: `ec2_metadata_service_endpoint_mode`.
   * Default `IPv4`.
   */
  readonly endpointMode?: "IPv4" | "IPv6" | undefined;
  /**
   * How long one attempt may take, connecting included, in milliseconds of real time. Default 1000.
   * Environment: `AWS_METADATA_SERVICE_TIMEOUT`; config file: `metadata_service_timeout` (both in seconds).
   */
  readonly timeoutMs?: number | undefined;
  /**
   * How often a request is tried in all. Default 3.
   * Environment: `AWS_METADATA_SERVICE_NUM_ATTEMPTS`; config file: `metadata_service_num_attempts`.
   */
  readonly attempts?: number | undefined;
  /** How long a session token shall live, in seconds: 1 to 21600. Default 21600. */
  readonly tokenTtlSeconds?: number | undefined;
  /** Refuse every request without sending one. Environment: `AWS_EC2_METADATA_DISABLED`. Default false. */
  readonly disabled?: boolean | undefined;
  /**
   * The instance profile whose credentials to read, instead of the one that IMDS lists.
   * Environment: `AWS_EC2_INSTANCE_PROFILE_NAME`; config file: `ec2_instance_profile_name`.
   */
  readonly instanceProfileName?: string | undefined;
  /** The profile of the shared config file. Environment: `AWS_PROFILE`. Default `default`. */
  readonly profile?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

export function isHttpUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "http:" && url.search === "" && url.hash === "" && url.username === "";
}

/** @see https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html */
export function isRoleName(text: string): boolean {
  return /^[\w+=,.@-]{1,128}$/.test(text);
}

const attemptsMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected a whole number from 1 to 100`;
const tokenTtlMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected whole seconds from 1 to ${imdsProtocol.maxTokenTtlSeconds}`;

const schema = v.strictObject({
  endpoint: v.optional(
    v.pipe(
      v.string("must be a string: http://host[:port][/path]"),
      v.check(isHttpUrl, (issue) => `is ${JSON.stringify(issue.input)}: expected http://host[:port][/path]`),
    ),
  ),
  endpointMode: v.optional(v.picklist(["IPv4", "IPv6"], 'must be "IPv4" or "IPv6"')),
  timeoutMs: v.optional(
    v.pipe(
      v.number("must be a number of milliseconds > 0"),
      v.finite("must be a finite number of milliseconds > 0"),
      v.minValue(1, (issue) => `is ${issue.input}: expected milliseconds, 1 or more`),
    ),
  ),
  attempts: v.optional(
    v.pipe(
      v.number(attemptsMessage),
      v.integer(attemptsMessage),
      v.minValue(1, attemptsMessage),
      v.maxValue(100, attemptsMessage),
    ),
  ),
  tokenTtlSeconds: v.optional(
    v.pipe(
      v.number(tokenTtlMessage),
      v.integer(tokenTtlMessage),
      v.minValue(1, tokenTtlMessage),
      v.maxValue(imdsProtocol.maxTokenTtlSeconds, tokenTtlMessage),
    ),
  ),
  disabled: v.optional(v.boolean("must be true or false")),
  instanceProfileName: v.optional(
    v.pipe(
      v.string("must be the name of an instance profile"),
      v.check(isRoleName, (issue) => `is ${JSON.stringify(issue.input)}: expected the name of an instance profile`),
    ),
  ),
  profile: v.optional(v.pipe(v.string("must be the name of a profile"), v.nonEmpty("must not be empty"))),
  clock: v.optional(v.custom<Clock>((value) => typeof value === "object" && value !== null, "must be a Clock")),
  random: v.optional(v.custom<Random>((value) => typeof value === "function", "must be a function")),
});

/** @throws InvalidInputError naming each option that is wrong. */
export function checkedOptions(options: ImdsOptions): ImdsOptions {
  return check(schema, options, "IMDS options");
}

/** @throws InvalidInputError when this is not the path of a category. */
export function assertPath(path: string): void {
  if (/^\/[\x21-\x7e]*$/.test(path)) return;
  const message = `is ${JSON.stringify(path)}: expected one like /latest/meta-data/instance-id, encoded as in a URL`;
  throw new InvalidInputError("IMDS request", [{ field: "path", message }]);
}
