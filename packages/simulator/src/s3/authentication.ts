/**
 * Who asks, and may they: judged by headers and address alone, before the body is read, so that a refusal can come early.
 * The signature stands in the `Authorization` header, in the query of a presigned address, or in the fields of a form.
 *
 * The credentials are judged by the ledger into which this very IMDS issues: unknown, with a wrong security token,
 * expired, or good.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Clock } from "@evertoken/core";
import type { IssuedCredential, Ledger } from "../ledger.js";
import { S3Error } from "./errors.js";
import { claimedBy, isPresigned, PRESIGNED, type Presigned, SIGNATURE_PARAMETER } from "./presigned.js";
import {
  type Authorization,
  canonicalRequest,
  isSameSignature,
  parseAuthorization,
  policySignature,
  type SigningContext,
  SigningKeys,
  signatureOf,
} from "./signature.js";

export interface AuthenticationOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly region: string;
  readonly maxSkewMs: () => number;
}

export interface Claim extends Authorization {
  /** Of a presigned address. */
  readonly presigned: Presigned | undefined;
}

export interface Authenticated {
  readonly credential: IssuedCredential;
  /** The value of `x-amz-content-sha256`: how the body is signed. */
  readonly payloadHash: string;
  /** Chunks of the body are signed in a chain that begins with this. */
  readonly seedSignature: string;
  readonly context: SigningContext;
}

export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #keys = new SigningKeys();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /**
   * Who the request says it is from: nothing is believed yet.
   * @throws S3Error when it does not say so in a way that S3 understands.
   */
  claimOf({ headers }: IncomingMessage, query: URLSearchParams): Claim {
    if (!isPresigned(query)) {
      const { accessKeyId, date, region, signedHeaders, signature } = parseAuthorization(headers.authorization);
      this.#assertRegion(region, "AuthorizationHeaderMalformed", "The authorization header is malformed");
      return { accessKeyId, date, region, signedHeaders, signature, presigned: undefined };
    }
    if (headers.authorization !== undefined) {
      throw new S3Error("InvalidArgument", {
        message:
          "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
        ArgumentName: "Authorization",
      });
    }
    const claim = claimedBy(query);
    const where = "Error parsing the X-Amz-Credential parameter";
    this.#assertRegion(claim.region, "AuthorizationQueryParametersError", where);
    return claim;
  }

  /** @throws S3Error with S3's own code for what is wrong. */
  authenticate({ method = "", url = "", headers }: IncomingMessage, claim: Claim): Authenticated {
    const { accessKeyId, date, region, signedHeaders, signature, presigned } = claim;
    if (presigned !== undefined) this.#assertNotOver(presigned);
    const sessionToken = presigned?.sessionToken ?? single(headers, "x-amz-security-token");
    const credential = this.#judge(accessKeyId, sessionToken);
    const timestamp = presigned?.timestamp ?? this.#timestamp(headers);
    if (!timestamp.startsWith(date)) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "the scope's date is not the request's" });
    }
    const payloadHash = payloadHashOf(headers, presigned);
    this.#assertSigned(signedHeaders, headers);
    const context = this.#context(credential, timestamp, date, region);
    const unsignedParameter = presigned && SIGNATURE_PARAMETER;
    const canonical = canonicalRequest(
      { method, url, headers, timestamp, payloadHash, unsignedParameter },
      signedHeaders,
    );
    if (!isSameSignature(signatureOf(canonical, context), signature)) {
      throw new S3Error("SignatureDoesNotMatch", {
        AWSAccessKeyId: accessKeyId,
        SignatureProvided: signature,
        // As S3 does, for whoever looks for the difference; but for the token, which is a secret.
        CanonicalRequest: canonical.replaceAll(/(x-amz-security-token[:=])[^\n&]*/gi, "$1(not shown)"),
      });
    }
    return { credential, payloadHash, seedSignature: signature, context };
  }

  /**
   * Judges the sender of a form by its policy: the base64 text that was signed.
   * @throws S3Error as `authenticate`.
   */
  authenticateForm(fields: ReadonlyMap<string, string>, policy: string): void {
    const field = (name: string): string => {
      const value = fields.get(name);
      if (value === undefined) {
        throw new S3Error("InvalidArgument", {
          message: `Bucket POST must contain a field named '${name}'.  If it is specified, please check the order of the fields.`,
          ArgumentName: name,
        });
      }
      return value;
    };
    const scope = field("x-amz-credential");
    const [, accessKeyId = "", date = "", region = ""] =
      /^([^/\s]+)\/(\d{8})\/([^/\s]+)\/s3\/aws4_request$/.exec(scope) ?? [];
    if (accessKeyId === "" || field("x-amz-algorithm") !== "AWS4-HMAC-SHA256") {
      throw new S3Error("InvalidArgument", { message: "The form's credential or algorithm is not valid." });
    }
    this.#assertRegion(region, "AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter");
    const credential = this.#judge(accessKeyId, fields.get("x-amz-security-token"));
    const { key } = this.#context(credential, field("x-amz-date"), date, region);
    if (!isSameSignature(policySignature(policy, key), field("x-amz-signature"))) {
      throw new S3Error("SignatureDoesNotMatch", { AWSAccessKeyId: accessKeyId });
    }
  }

  #context({ accessKeyId, secretAccessKey }: IssuedCredential, timestamp: string, date: string, region: string) {
    const key = this.#keys.get(accessKeyId, secretAccessKey, date, region);
    return { key, timestamp, scope: `${date}/${region}/s3/aws4_request` };
  }

  #assertRegion(
    region: string,
    code: "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError",
    where: string,
  ): void {
    const expected = this.#options.region;
    if (region === expected) return;
    throw new S3Error(code, {
      message: `${where}; the region '${region}' is wrong; expecting '${expected}'`,
      Region: expected,
    });
  }

  /** A presigned address ends by itself, whatever becomes of its credentials. */
  #assertNotOver({ timestamp, expiresSeconds }: Presigned): void {
    const now = this.#options.clock.now();
    const signedAt = instantOf(timestamp);
    if (signedAt - now > this.#options.maxSkewMs()) {
      throw new S3Error("AccessDenied", { message: "Request is not valid yet", reason: "presigned in the future" });
    }
    const endsAt = signedAt + expiresSeconds * 1000;
    if (now < endsAt) return;
    throw new S3Error("AccessDenied", {
      message: "Request has expired",
      reason: "the presigned address has expired",
      "X-Amz-Expires": String(expiresSeconds),
      Expires: wholeSeconds(endsAt),
      ServerTime: wholeSeconds(now),
    });
  }

  #judge(accessKeyId: string, sessionToken: string | undefined): IssuedCredential {
    const { ledger, clock } = this.#options;
    const verdict = ledger.judge(accessKeyId, sessionToken, clock.now());
    const credential = ledger.find(accessKeyId);
    if (verdict === "unknown" || credential === undefined) {
      throw new S3Error("InvalidAccessKeyId", { AWSAccessKeyId: accessKeyId });
    }
    if (verdict === "wrong-session-token") throw new S3Error("InvalidToken");
    if (verdict !== "valid") {
      // S3 prints the whole token here; ours is left out, because answers end up in logs.
      throw new S3Error("ExpiredToken", { reason: verdict, "Token-0": "(not shown)" });
    }
    return credential;
  }

  #timestamp(headers: IncomingHttpHeaders): string {
    const { clock, maxSkewMs } = this.#options;
    const timestamp = single(headers, "x-amz-date") ?? basicFormat(headers.date);
    const signedAt = instantOf(timestamp);
    if (Number.isNaN(signedAt)) {
      throw new S3Error("AccessDenied", { message: "AWS authentication requires a valid Date or x-amz-date header" });
    }
    const now = clock.now();
    if (Math.abs(now - signedAt) > maxSkewMs()) {
      throw new S3Error("RequestTimeTooSkewed", {
        reason: `${Math.round((signedAt - now) / 1000)} s`,
        RequestTime: timestamp,
        ServerTime: wholeSeconds(now),
        MaxAllowedSkewMilliseconds: String(Math.round(maxSkewMs())),
      });
    }
    return timestamp;
  }

  /** What could be changed on the way must be signed: the host and every header of AWS's own. */
  #assertSigned(signedHeaders: readonly string[], headers: IncomingHttpHeaders): void {
    if (!signedHeaders.includes("host")) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "host is not signed" });
    }
    for (const name in headers) {
      if (name.startsWith("x-amz-") && !signedHeaders.includes(name)) {
        throw new S3Error("AccessDenied", {
          message: "There were headers present in the request which were not signed",
          HeadersNotSigned: name,
        });
      }
    }
  }
}

/** Everything that this simulator can verify. Taking another form would be taking a body unverified. */
const PAYLOAD_HASH =
  /^(?:[0-9a-f]{64}|UNSIGNED-PAYLOAD|STREAMING-AWS4-HMAC-SHA256-PAYLOAD(?:-TRAILER)?|STREAMING-UNSIGNED-PAYLOAD-TRAILER)$/;

function payloadHashOf(headers: IncomingHttpHeaders, presigned: Presigned | undefined): string {
  const name = "x-amz-content-sha256";
  const value = single(headers, name) ?? (presigned && (presigned.payloadHash ?? PRESIGNED.payloadHash));
  if (value === undefined) {
    throw new S3Error("InvalidRequest", { message: `Missing required header for this request: ${name}` });
  }
  if (PAYLOAD_HASH.test(value)) return value;
  throw new S3Error("InvalidArgument", {
    message: `${name} must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.`,
    ArgumentName: name,
    ArgumentValue: value,
  });
}

export function single(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Epoch milliseconds of `20261123T120000Z`; NaN for anything else. */
function instantOf(timestamp: string): number {
  if (!/^\d{8}T\d{6}Z$/.test(timestamp)) return Number.NaN;
  const digits = (from: number, to: number) => Number(timestamp.slice(from, to));
  return Date.UTC(digits(0, 4), digits(4, 6) - 1, digits(6, 8), digits(9, 11), digits(11, 13), digits(13, 15));
}

/** The `Date` header in the form of `x-amz-date`, for whom it stands in. */
function basicFormat(date: string | undefined): string {
  const instant = date === undefined ? Number.NaN : instantOf(date) || Date.parse(date);
  return Number.isNaN(instant) ? "" : wholeSeconds(instant).replaceAll(/[-:]/g, "");
}

function wholeSeconds(instant: number): string {
  return new Date(instant).toISOString().replace(/\.\d+Z$/, "Z");
}
