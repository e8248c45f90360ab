/** What an S3 pool can be told, checked once. The names are those that AWS SDKs use. */

import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { check, InvalidInputError } from "@evertoken/core";
import { type AwsSdkProvider, createKeeper, fromProvider, type Keeper } from "@evertoken/credentials";
import { type PoolBehaviour, poolBehaviour, poolSize } from "@evertoken/pool";
import * as v from "valibot";

export interface S3PoolOptions extends PoolBehaviour {
  /** The AWS region: `eu-central-1`. Environment: `AWS_REGION`. Required one way or the other. */
  readonly region?: string | undefined;
  /** How many clients at most. Default 100. */
  readonly size?: number | undefined;
  /** How long a connection may take to be set up, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long the service may stay silent within a request, in milliseconds. Default 60,000. */
  readonly requestTimeoutMs?: number | undefined;
  /** Connections of the whole pool to each host of the service. Default 100. */
  readonly maxConnections?: number | undefined;
  /** Another service than AWS's own: `http://host[:port]`. Default: by region, or `AWS_ENDPOINT_URL_S3`. */
  readonly endpoint?: string | undefined;
  /** Address buckets as `/bucket/key` instead of `bucket.host`. Default false. */
  readonly forcePathStyle?: boolean | undefined;
  /** Keeps the credentials; it stays open when the pool closes. Default: one of the pool's own, on AWS's default order. */
  readonly keeper?: Keeper | undefined;
  /** Instead of a Keeper: any AWS SDK v3 provider, kept by a Keeper of the pool's own. */
  readonly credentials?: AwsSdkProvider | undefined;
  /** Sends the hot operations past most of the SDK's work, with the same results. Default true. */
  readonly fastLane?: boolean | undefined;
  /** Certificates that are trusted instead of Node.js's own, in PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  /** How often the SDK sends a request at most. Default: `AWS_MAX_ATTEMPTS`, or 3. */
  readonly maxAttempts?: number | undefined;
  /** When uploads carry a checksum. Default: `AWS_REQUEST_CHECKSUM_CALCULATION`, or `WHEN_SUPPORTED`. */
  readonly requestChecksumCalculation?: ChecksumUse | undefined;
  /** When downloads are checked. Default: `AWS_RESPONSE_CHECKSUM_VALIDATION`, or `WHEN_SUPPORTED`. */
  readonly responseChecksumValidation?: ChecksumUse | undefined;
  /** Endpoints that are reached by IPv6 as well. Default: `AWS_USE_DUALSTACK_ENDPOINT`, or false. */
  readonly useDualstackEndpoint?: boolean | undefined;
  /** Endpoints with validated cryptography. Default: `AWS_USE_FIPS_ENDPOINT`, or false. */
  readonly useFipsEndpoint?: boolean | undefined;
  /** S3 Transfer Acceleration. Default false. */
  readonly useAccelerateEndpoint?: boolean | undefined;
  /** Sends a request again to the region in which the bucket is, when S3 says so. Default false. */
  readonly followRegionRedirects?: boolean | undefined;
}

export type ChecksumUse = "WHEN_SUPPORTED" | "WHEN_REQUIRED";

const milliseconds = v.pipe(
  v.number("must be a number of milliseconds"),
  v.finite("must be a finite number of milliseconds"),
  v.minValue(1, (issue) => `is ${issue.input}: expected milliseconds, 1 or more`),
);

const connectionsMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected a whole number from 1 to 10000`;

const REGION = /^[a-z]{2,}(-[a-z]+)+-\d+$/;

const trueOrFalse = v.boolean("must be true or false");

const checksumUse = v.picklist(
  ["WHEN_SUPPORTED", "WHEN_REQUIRED"],
  (issue) => `is ${issue.received}: expected "WHEN_SUPPORTED" or "WHEN_REQUIRED"`,
);

const maxAttemptsMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected a whole number, 1 or more`;

const isPem = (value: unknown) => typeof value === "string" || Buffer.isBuffer(value);

/** What the SDK's client is told as it is. */
const ofTheSdk = {
  forcePathStyle: v.optional(trueOrFalse, false),
  maxAttempts: v.optional(
    v.pipe(v.number(maxAttemptsMessage), v.integer(maxAttemptsMessage), v.minValue(1, maxAttemptsMessage)),
  ),
  requestChecksumCalculation: v.optional(checksumUse),
  responseChecksumValidation: v.optional(checksumUse),
  useDualstackEndpoint: v.optional(trueOrFalse),
  useFipsEndpoint: v.optional(trueOrFalse),
  useAccelerateEndpoint: v.optional(trueOrFalse),
  followRegionRedirects: v.optional(trueOrFalse),
};

const isObject = (value: unknown) => typeof value === "object" && value !== null;

const schema = v.pipe(
  v.strictObject({
    region: v.optional(
      v.pipe(
        v.string('must be the name of a region, like "eu-central-1"'),
        v.regex(
          REGION,
          (issue) => `is ${JSON.stringify(issue.input)}: expected the name of a region, like "eu-central-1"`,
        ),
      ),
    ),
    size: v.optional(poolSize, 100),
    connectTimeoutMs: v.optional(milliseconds, 10_000),
    requestTimeoutMs: v.optional(milliseconds, 60_000),
    maxConnections: v.optional(
      v.pipe(
        v.number("must be a whole number from 1 to 10000"),
        v.integer(connectionsMessage),
        v.minValue(1, connectionsMessage),
        v.maxValue(10_000, connectionsMessage),
      ),
      100,
    ),
    endpoint: v.optional(
      v.pipe(
        v.string("must be a string: http(s)://host[:port]"),
        v.check(isEndpoint, (issue) => `is ${JSON.stringify(issue.input)}: expected http(s)://host[:port]`),
      ),
    ),
    fastLane: v.optional(trueOrFalse, true),
    ca: v.optional(
      v.custom<string | Buffer | readonly (string | Buffer)[]>(
        (value) => isPem(value) || (Array.isArray(value) && value.every(isPem)),
        "must be one or more certificates in PEM, as text or Buffers",
      ),
    ),
    ...ofTheSdk,
    keeper: v.optional(v.custom<Keeper>(isObject, "must be a Keeper: createKeeper(…)")),
    credentials: v.optional(
      v.custom<AwsSdkProvider>(
        (value) => typeof value === "function" || isObject(value),
        "must be an AWS SDK credential provider or credentials",
      ),
    ),
    ...poolBehaviour,
  }),
  v.forward(
    v.check(
      ({ keeper, credentials }) => keeper === undefined || credentials === undefined,
      "is given together with keeper: expected one of the two",
    ),
    ["credentials"],
  ),
);

/**
 * The settings of the pool, sorted by whose they are.
 * @throws InvalidInputError naming each option that is wrong.
 */
export function s3PoolSettings(options: S3PoolOptions) {
  const { keeper, credentials, region, fastLane, ...rest } = check(schema, options, "createS3Pool options");
  const { connectTimeoutMs, requestTimeoutMs, maxConnections, ca, ...others } = rest;
  const { endpoint, forcePathStyle, maxAttempts, requestChecksumCalculation, responseChecksumValidation, ...more } =
    others;
  const { useDualstackEndpoint, useFipsEndpoint, useAccelerateEndpoint, followRegionRedirects, ...behaviour } = more;
  const source = credentials === undefined ? undefined : fromProvider(credentials);
  return Object.freeze({
    region: region ?? regionOfEnvironment(),
    keeper: keeper ?? createKeeper({ source, clock: behaviour.clock }),
    ownsKeeper: keeper === undefined,
    fastLane,
    connections: { connectTimeoutMs, requestTimeoutMs, maxConnections, ca },
    behaviour,
    clientConfig: withoutUndefined({
      endpoint,
      forcePathStyle,
      maxAttempts,
      requestChecksumCalculation,
      responseChecksumValidation,
      useDualstackEndpoint,
      useFipsEndpoint,
      useAccelerateEndpoint,
      followRegionRedirects,
    }),
  });
}

/** The SDK takes an option that is there and undefined for one that was given. */
function withoutUndefined(config: { [K in keyof S3ClientConfig]: S3ClientConfig[K] | undefined }): S3ClientConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

function regionOfEnvironment(): string {
  const region = process.env.AWS_REGION;
  if (region === undefined || region === "") {
    const message = "is missing, and AWS_REGION is not set either: expected the name of a region, like eu-central-1";
    throw new InvalidInputError("createS3Pool options", [{ field: "region", message }]);
  }
  if (REGION.test(region)) return region;
  const message = "expected the name of a region, like eu-central-1";
  throw new InvalidInputError("environment", [{ field: `AWS_REGION=${region}`, message }]);
}

function isEndpoint(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.search === "" && url.username === "";
}
