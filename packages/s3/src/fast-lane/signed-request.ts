/** A request, complete and signed, from what was read of the input and what is the same for all requests to a bucket. */

import { hash } from "node:crypto";
import type { Identity } from "@evertoken/credentials";
import { type Algorithm, base64Of32Bits, checksumOf, isAlgorithm } from "./checksum.js";
import type { Hashes } from "./hashing.js";
import { type ComputedHeader, METADATA_PREFIX, type Plan } from "./plan.js";
import { encode, type Reading } from "./reading.js";
import { EMPTY_SHA256, type Signer } from "./signature.js";

/** What is the same for all requests of one operation to one bucket. */
export interface Template {
  readonly origin: string;
  /** What stands before the key: `/`, or `/bucket/` in path style. */
  readonly pathBefore: string;
  /** Values of headers unless the input gives others, by the plan's indexes. */
  readonly defaults: readonly (readonly [index: number, value: string])[];
  readonly signer: Signer;
}

export interface SignedRequest {
  readonly origin: string;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** Names and values by turns. */
  readonly headers: readonly string[];
  /** The signature, one of the headers. */
  readonly authorization: string;
  readonly body: Uint8Array | undefined;
}

/** What is another one each time. */
export interface Occasion {
  readonly identity: Identity;
  /** Epoch milliseconds, by the service's clock. */
  readonly now: number;
  readonly invocationId: string;
  /** Of the body, where it is known already, in hexadecimal. */
  readonly sha256?: string | undefined;
}

const NOTHING = new Uint8Array();

const CHECKSUM_HEADERS: readonly ComputedHeader[] = [
  "x-amz-checksum-crc32",
  "x-amz-checksum-crc32c",
  "x-amz-checksum-crc64nvme",
  "x-amz-checksum-sha1",
  "x-amz-checksum-sha256",
];

/**
 * The algorithm whose checksum the request is to carry and does not yet; undefined when there is none to compute.
 * Call it once, before {@link signRequest}: it fills in the defaults.
 */
export function missingChecksum(
  plan: Plan,
  { defaults }: Template,
  { values }: Reading,
): Algorithm | undefined | "unknown" {
  const { indexOf } = plan;
  const isGiven = plan.takesBody && CHECKSUM_HEADERS.some((header) => values[indexOf[header]] !== undefined);
  const algorithmIndex = indexOf["x-amz-sdk-checksum-algorithm"];
  const hasMode = values[indexOf["x-amz-checksum-mode"]] !== undefined;
  for (const [index, value] of defaults) {
    // The SDK names no algorithm for a checksum that the caller has computed.
    if (isGiven && index === algorithmIndex) continue;
    // Of no body at all, with a download: the SDK adds it unless there is the mode, whose name it takes for a checksum's.
    if (hasMode && index === indexOf["x-amz-checksum-crc32"]) continue;
    values[index] ??= value;
  }
  const named = values[algorithmIndex];
  if (isGiven || named === undefined) return undefined;
  return isAlgorithm(named) ? named : "unknown";
}

/**
 * Puts the checksum of the body in its header. A promise only for algorithms that Node.js does not have.
 * @param hashes what is known of the body already.
 */
export function addChecksum(
  plan: Plan,
  { values, body }: Reading,
  algorithm: Algorithm,
  hashes?: Hashes,
): void | Promise<void> {
  const index = plan.indexOf[`x-amz-checksum-${algorithm.toLowerCase()}` as ComputedHeader];
  if (algorithm === "CRC32" && hashes?.crc32 !== undefined) {
    values[index] = base64Of32Bits(hashes.crc32);
    return;
  }
  const checksum = checksumOf(algorithm, body ?? NOTHING);
  if (typeof checksum === "string") {
    values[index] = checksum;
    return;
  }
  return checksum.then((text) => {
    values[index] = text;
  });
}

export function signRequest(
  plan: Plan,
  { origin, pathBefore, signer }: Template,
  reading: Reading,
  { identity, now, invocationId, sha256 }: Occasion,
): SignedRequest {
  const { values, body } = reading;
  const { indexOf } = plan;
  const payloadHash =
    sha256 ?? (body === undefined || body.byteLength === 0 ? EMPTY_SHA256 : hash("sha256", body, "hex"));
  const date = signer.date(now);
  values[indexOf["amz-sdk-invocation-id"]] = invocationId;
  values[indexOf["x-amz-content-sha256"]] = payloadHash;
  values[indexOf["x-amz-date"]] = date;
  values[indexOf["x-amz-security-token"]] = identity.sessionToken;
  if (reading.hasLength) values[indexOf["content-length"]] ??= String(body?.byteLength);

  const headers: string[] = [];
  let canonicalHeaders = "";
  let signedHeaders = "";
  const add = (name: string, value: string) => {
    headers.push(name, value);
    canonicalHeaders += `${name}:${value.includes(" ") ? withoutExtraSpaces(value) : value}\n`;
    signedHeaders += signedHeaders === "" ? name : `;${name}`;
  };
  for (const { name, index, signed } of plan.headers) {
    if (name === METADATA_PREFIX) {
      for (const [metadataName, value] of reading.metadata) add(metadataName, value);
      continue;
    }
    const value = values[index];
    if (value === undefined) continue;
    if (signed) add(name, value);
    else headers.push(name, value);
  }
  const path = pathBefore + reading.key;
  const query = queryOf(plan, values);
  const toSign = { method: plan.method, path, query, canonicalHeaders, signedHeaders, payloadHash };
  const authorization = signer.sign(toSign, date, identity);
  headers.push("authorization", authorization);
  return { origin, method: plan.method, path: query === "" ? path : `${path}?${query}`, headers, authorization, body };
}

function queryOf({ query }: Plan, values: Reading["values"]): string {
  let text = "";
  for (const { name, index, value = values[index] } of query) {
    if (value !== undefined) text += `${text === "" ? "" : "&"}${name}=${encode(value)}`;
  }
  return text;
}

/** The canonical form of a header's value: https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html */
function withoutExtraSpaces(value: string): string {
  return value.replace(/ +/g, " ").replace(/^ | $/g, "");
}
