/**
 * Presigned addresses: the signature and everything that it takes stand in the query, for whoever holds the address.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */

import type { IncomingHttpHeaders } from "node:http";
import type { Claim } from "./authentication.js";
import { S3Error } from "./errors.js";

export interface Presigned {
  /** `20261123T120000Z` */
  readonly timestamp: string;
  readonly expiresSeconds: number;
  readonly sessionToken: string | undefined;
  readonly payloadHash: string | undefined;
}

export const SIGNATURE_PARAMETER = "X-Amz-Signature";

/** How the body of a presigned request is signed when nothing else is said: not at all. */
export const PRESIGNED = { payloadHash: "UNSIGNED-PAYLOAD" } as const;

const LONGEST_SECONDS = 604_800;

const AUTHENTICATING = new Set([
  "x-amz-algorithm",
  "x-amz-credential",
  "x-amz-date",
  "x-amz-expires",
  "x-amz-security-token",
  "x-amz-signature",
  "x-amz-signedheaders",
]);

const CHECKSUM = /^x-amz-(?:checksum-|sdk-checksum-algorithm$)/;

export function isPresigned(query: URLSearchParams): boolean {
  return query.has("X-Amz-Algorithm") || query.has(SIGNATURE_PARAMETER);
}

/** @throws S3Error `AuthorizationQueryParametersError`, saying what is wrong. */
export function claimedBy(query: URLSearchParams): Claim {
  const parameter = (name: string): string => {
    const value = query.get(name);
    if (value === null || value === "") throw new S3Error("AuthorizationQueryParametersError");
    return value;
  };
  const [algorithm, credential, timestamp] = [
    parameter("X-Amz-Algorithm"),
    parameter("X-Amz-Credential"),
    parameter("X-Amz-Date"),
  ];
  const signature = parameter(SIGNATURE_PARAMETER);
  const signedHeaders = parameter("X-Amz-SignedHeaders");
  if (algorithm !== "AWS4-HMAC-SHA256")
    throw wrong('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  const parts = /^([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request$/.exec(credential);
  if (parts === null) {
    throw wrong(
      'Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  const [, accessKeyId = "", date = "", region = "", service = ""] = parts;
  if (service !== "s3") {
    throw wrong(
      `Error parsing the X-Amz-Credential parameter; incorrect service "${service}". This endpoint belongs to "s3".`,
    );
  }
  if (!/^\d{8}T\d{6}Z$/.test(timestamp)) {
    throw wrong(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`);
  }
  if (!timestamp.startsWith(date)) {
    throw wrong(
      `Invalid credential date "${date}". This date is not the same as X-Amz-Date: "${timestamp.slice(0, 8)}".`,
    );
  }
  const presigned: Presigned = {
    timestamp,
    expiresSeconds: expiresOf(parameter("X-Amz-Expires")),
    sessionToken: query.get("X-Amz-Security-Token") ?? undefined,
    payloadHash: query.get("X-Amz-Content-Sha256") ?? undefined,
  };
  return { accessKeyId, date, region, signedHeaders: signedHeaders.toLowerCase().split(";"), signature, presigned };
}

function expiresOf(text: string): number {
  const seconds = Number(text);
  if (!/^-?\d+$/.test(text)) throw wrong("X-Amz-Expires should be a number");
  if (seconds < 0) throw wrong("X-Amz-Expires must be non-negative");
  if (seconds > LONGEST_SECONDS) {
    throw wrong(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${LONGEST_SECONDS} seconds`,
    );
  }
  return seconds;
}

function wrong(message: string): S3Error {
  return new S3Error("AuthorizationQueryParametersError", { message });
}

/**
 * The headers of a presigned request: those that the signer has put into the address count like the others. But for
 * checksums, which S3 passes over there: SDKs put that of an empty body into each address.
 * @see https://github.com/aws/aws-sdk/issues/480
 */
export function effectiveHeaders(headers: IncomingHttpHeaders, query: URLSearchParams): IncomingHttpHeaders {
  const effective: IncomingHttpHeaders = {};
  for (const [name, value] of query) {
    const lower = name.toLowerCase();
    if (lower.startsWith("x-amz-") && !AUTHENTICATING.has(lower) && !CHECKSUM.test(lower)) effective[lower] = value;
  }
  return Object.assign(effective, headers);
}
