/**
 * Signature Version 4 as S3 verifies it, in the form of the `Authorization` header.
 *
 * The request is written down in a canonical form, hashed, and signed with a key derived from the secret, the day, the
 * region and the service; S3 differs from other services in that paths are encoded once and never normalised.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */

import { createHmac, hash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { S3Error } from "./errors.js";
import { HmacKey } from "./hmac-key.js";

export interface Authorization {
  readonly accessKeyId: string;
  /** `20261123` */
  readonly date: string;
  readonly region: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const HEADER =
  /^AWS4-HMAC-SHA256 +Credential=([^/\s]+)\/(\d{8})\/([^/\s]+)\/([^/\s]+)\/aws4_request *, *SignedHeaders=([^,\s]+) *, *Signature=([0-9a-f]{64})$/;

/** @throws S3Error when there is no signature, or one of another form. */
export function parseAuthorization(header: string | undefined): Authorization {
  if (header === undefined) throw new S3Error("AccessDenied", { reason: "not signed" });
  if (/^AWS /.test(header)) {
    throw new S3Error("InvalidRequest", {
      message: "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    });
  }
  if (!/^AWS4-HMAC-SHA256(?: |$)/.test(header)) {
    throw new S3Error("InvalidArgument", { message: "Unsupported Authorization Type", ArgumentName: "Authorization" });
  }
  const parts = HEADER.exec(header);
  if (parts === null) throw new S3Error("AuthorizationHeaderMalformed");
  const [, accessKeyId = "", date = "", region = "", service = "", signedHeaders = "", signature = ""] = parts;
  if (service !== "s3") {
    throw new S3Error("AuthorizationHeaderMalformed", {
      message: `The authorization header is malformed; incorrect service "${service}". This endpoint belongs to "s3".`,
    });
  }
  return { accessKeyId, date, region, signedHeaders: signedHeaders.split(";"), signature };
}

export interface SignedRequest {
  readonly method: string;
  /** As it came: path and query, still encoded. */
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** `20261123T120000Z` */
  readonly timestamp: string;
  /** The value of `x-amz-content-sha256`. */
  readonly payloadHash: string;
  /** A parameter of the query that is not signed, because it is the signature. */
  readonly unsignedParameter?: string | undefined;
}

export interface SigningContext {
  readonly key: HmacKey;
  readonly timestamp: string;
  /** `20261123/us-east-1/s3/aws4_request` */
  readonly scope: string;
}

/** What was signed, the request's own words put in order: its hash is what the signature is made of. */
export function canonicalRequest(request: SignedRequest, signedHeaders: readonly string[]): string {
  const [path = "", query = ""] = splitUrl(request.url);
  const headers = signedHeaders.map((name) => `${name}:${canonicalValue(request.headers, name)}\n`).join("");
  return [
    request.method,
    canonicalPath(path),
    canonicalQuery(query, request.unsignedParameter),
    headers,
    signedHeaders.join(";"),
    request.payloadHash,
  ].join("\n");
}

export function signatureOf(canonical: string, context: SigningContext): string {
  return sign("AWS4-HMAC-SHA256", context, sha256Hex(canonical));
}

/** Signs the policy of a form, which is the whole of what is signed. */
export function policySignature(policy: string, key: HmacKey): string {
  return key.sign(policy);
}

/** Signs the last lines of any SigV4 string-to-sign: of a request, a chunk, a trailer. */
export function sign(algorithm: string, { key, timestamp, scope }: SigningContext, ...lines: string[]): string {
  let text = `${algorithm}\n${timestamp}\n${scope}`;
  for (const line of lines) text += `\n${line}`;
  return key.sign(text);
}

export function sha256Hex(content: string | Uint8Array): string {
  return hash("sha256", content);
}

/** In the same time wherever they differ. Header values are Latin-1: one byte for each character. */
export function isSameSignature(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, "latin1"), Buffer.from(b, "latin1"));
}

/** Deriving a key takes four hashes, and it stays the same for a day. */
export class SigningKeys {
  readonly #keys = new Map<string, HmacKey>();

  get(accessKeyId: string, secretAccessKey: string, date: string, region: string): HmacKey {
    const name = `${accessKeyId}/${date}/${region}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const step = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const key = new HmacKey(step(step(step(step(`AWS4${secretAccessKey}`, date), region), "s3"), "aws4_request"));
    if (this.#keys.size >= 1000) this.#keys.clear();
    this.#keys.set(name, key);
    return key;
  }
}

export function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf("?");
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** @throws S3Error for an escape sequence that is none. */
export function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error("InvalidURI");
  }
}

/** AWS's encoding: everything but the unreserved characters. */
export function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function canonicalPath(path: string): string {
  // Most keys need no encoding, and a path is encoded once: as it came is as it is signed.
  return /^[A-Za-z0-9\-._~/]*$/.test(path)
    ? path
    : path
        .split("/")
        .map((part) => encode(decode(part)))
        .join("/");
}

function canonicalQuery(query: string, except: string | undefined): string {
  if (query === "") return "";
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => {
      const mark = pair.indexOf("=");
      const [name, value] = mark < 0 ? [pair, ""] : [pair.slice(0, mark), pair.slice(mark + 1)];
      return [encode(decode(name)), encode(decode(value))] as const;
    })
    .filter(([name]) => name !== except)
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");
}

function canonicalValue(headers: IncomingHttpHeaders, name: string): string {
  // The names are the sender's choice: `constructor` is no header.
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  const text = Array.isArray(value) ? value.join(",") : (value ?? "");
  return text.includes("  ") ? text.trim().replace(/ {2,}/g, " ") : text.trim();
}
