/**
 * Who signed a request to STS: Signature Version 4 in the `Authorization` header, or in the query as presigned requests
 * have it (`aws eks get-token` sends such a one).
 *
 * The credentials are judged by the ledger into which everything here issues, as S3 does it, with STS's own words.
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */

import { createHmac } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { IssuedCredential, Ledger } from "../ledger.js";
import { HmacKey } from "../s3/hmac-key.js";
import { canonicalRequest, isSameSignature, sha256Hex, signatureOf } from "../s3/signature.js";
import { StsError } from "./errors.js";

export interface StsRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface AuthenticationOptions {
  readonly ledger: Ledger;
  /** Where requests may be scoped to. The global endpoint's is `us-east-1`. */
  readonly regions: readonly string[];
  readonly maxSkewMs: () => number;
}

/** What a request says of its signature. */
interface Claim {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly timestamp: string;
  readonly sessionToken: string | undefined;
  /** The address without what the signature cannot be of: itself. */
  readonly signedUrl: string;
  /** Presigned: how long it is good. */
  readonly lifetimeMs?: number;
}

/** @throws StsError when nobody has signed, or not so that STS can tell. */
export function claimOf({ url, headers }: StsRequest): Claim {
  const { authorization } = headers;
  const query = new URLSearchParams(url.split("?", 2)[1] ?? "");
  const signature = query.get("X-Amz-Signature");
  if (authorization === undefined && signature === null) throw new StsError("MissingAuthenticationToken");
  if (authorization === undefined) return presignedClaim(url, query);
  const [algorithm = "", ...rest] = authorization.split(" ");
  const parts = new Map(
    rest
      .join(" ")
      .split(",")
      .map((part) => splitAt(part.trim(), "=")),
  );
  return checked(algorithm, {
    ...scopeOf(parts.get("Credential")),
    signedHeaders: (parts.get("SignedHeaders") ?? "").split(";"),
    signature: parts.get("Signature") ?? "",
    timestamp: text(headers["x-amz-date"]) ?? "",
    sessionToken: text(headers["x-amz-security-token"]),
    signedUrl: url,
  });
}

function presignedClaim(url: string, query: URLSearchParams): Claim {
  return checked(query.get("X-Amz-Algorithm") ?? "", {
    ...scopeOf(query.get("X-Amz-Credential") ?? undefined),
    signedHeaders: (query.get("X-Amz-SignedHeaders") ?? "").split(";"),
    signature: query.get("X-Amz-Signature") ?? "",
    timestamp: query.get("X-Amz-Date") ?? "",
    sessionToken: query.get("X-Amz-Security-Token") ?? undefined,
    signedUrl: url.replace(/([?&])X-Amz-Signature=[^&]*&?/, "$1").replace(/[?&]$/, ""),
    lifetimeMs: Number(query.get("X-Amz-Expires") ?? 900) * 1000,
  });
}

/** A week is the longest that a presigned request is good. */
const LONGEST_PRESIGNED_MS = 604_800_000;

function checked(algorithm: string, claim: Claim): Claim {
  const { service, signature, lifetimeMs = 0 } = claim;
  const isWhole = /^[0-9a-f]{64}$/.test(signature) && Number.isFinite(signedAt(claim));
  const isTimely = lifetimeMs >= 0 && lifetimeMs <= LONGEST_PRESIGNED_MS;
  if (algorithm !== "AWS4-HMAC-SHA256" || service === "" || !isWhole || !isTimely) {
    throw new StsError("IncompleteSignature");
  }
  return claim;
}

/** Epoch milliseconds; not a number when the timestamp is none. */
function signedAt({ timestamp }: Claim): number {
  const parts = /^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/.exec(timestamp);
  return parts === null ? Number.NaN : Date.parse(`${parts[1]}-${parts[2]}-${parts[3]}:${parts[4]}:${parts[5]}`);
}

/** `AKIA…/20261123/us-east-1/sts/aws4_request` */
function scopeOf(credential = "") {
  const [accessKeyId = "", date = "", region = "", service = "", end] = credential.split("/");
  return { accessKeyId, date, region, service: end === "aws4_request" ? service : "" };
}

/** @throws StsError with STS's own code for what is wrong. */
export function authenticate(
  request: StsRequest,
  claim: Claim,
  now: number,
  { ledger, regions, maxSkewMs }: AuthenticationOptions,
): IssuedCredential {
  const { accessKeyId, date, region, service, timestamp } = claim;
  const credential = judged(ledger, claim, now);
  if (service !== "sts") {
    throw new StsError("SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. ");
  }
  if (!regions.includes(region)) {
    throw new StsError("SignatureDoesNotMatch", "Credential should be scoped to a valid region. ");
  }
  if (!timestamp.startsWith(date)) {
    throw new StsError(
      "SignatureDoesNotMatch",
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${timestamp.slice(0, 8)}', from '${timestamp}'.`,
    );
  }
  assertTimely(claim, now, maxSkewMs());
  if (!claim.signedHeaders.includes("host")) {
    throw new StsError(
      "SignatureDoesNotMatch",
      "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
    );
  }
  const signed = {
    method: request.method,
    url: claim.signedUrl,
    headers: request.headers,
    timestamp,
    payloadHash: sha256Hex(request.body),
  };
  const key = new HmacKey(signingKey(credential.secretAccessKey, date, region, service));
  const scope = `${date}/${region}/${service}/aws4_request`;
  const expected = signatureOf(canonicalRequest(signed, claim.signedHeaders), { key, timestamp, scope });
  if (!isSameSignature(expected, claim.signature)) throw new StsError("SignatureDoesNotMatch", undefined, accessKeyId);
  return credential;
}

function judged(ledger: Ledger, { accessKeyId, sessionToken }: Claim, now: number): IssuedCredential {
  const verdict = ledger.judge(accessKeyId, sessionToken, now);
  const credential = ledger.find(accessKeyId);
  if (credential === undefined || verdict === "unknown" || verdict === "wrong-session-token") {
    throw new StsError("InvalidClientTokenId", undefined, verdict);
  }
  if (verdict !== "valid") throw new StsError("ExpiredToken", undefined, verdict);
  return credential;
}

/** Both ways: a signature from the past is expired, one from the future is not yet current. */
function assertTimely(claim: Claim, now: number, skewMs: number): void {
  const { timestamp, lifetimeMs = skewMs } = claim;
  const at = signedAt(claim);
  if (now > at + lifetimeMs) {
    const earliest = compact(now - lifetimeMs);
    const message = `Signature expired: ${timestamp} is now earlier than ${earliest} (${compact(now)} - ${minutes(lifetimeMs)} min.)`;
    throw new StsError("SignatureDoesNotMatch", message, "signature expired");
  }
  if (at > now + skewMs) {
    const latest = compact(now + skewMs);
    const message = `Signature not yet current: ${timestamp} is still later than ${latest} (${compact(now)} + ${minutes(skewMs)} min.)`;
    throw new StsError("SignatureDoesNotMatch", message, "signature not yet current");
  }
}

function signingKey(secretAccessKey: string, ...scope: readonly string[]): Buffer {
  const step = (key: Buffer, part: string) => createHmac("sha256", key).update(part).digest();
  return [...scope, "aws4_request"].reduce<Buffer>(step, Buffer.from(`AWS4${secretAccessKey}`));
}

/** `20261123T120000Z` */
function compact(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, "");
}

const minutes = (ms: number) => Math.round(ms / 60_000);

function splitAt(part: string, mark: string): [string, string] {
  const at = part.indexOf(mark);
  return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
