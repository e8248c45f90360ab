/**
 * Who asks, and may they: judged by the headers alone, before the body is read, so that a refusal can come early.
 *
 * The credentials are judged by the ledger into which this very IMDS issues: unknown, with a wrong security token,
 * expired, or good.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Clock } from "@evertoken/core";
import type { IssuedCredential, Ledger } from "../ledger.js";
import { S3Error } from "./errors.js";
import {
  type Authorization,
  isSameSignature,
  parseAuthorization,
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
  claimOf({ url = "", headers }: IncomingMessage): Authorization {
    if (headers.authorization === undefined && /[?&]X-Amz-Signature=/i.test(url)) {
      throw new S3Error("NotImplemented", { message: "Presigned URLs are not implemented by this simulator." });
    }
    const claim = parseAuthorization(headers.authorization);
    if (claim.region !== this.#options.region) {
      throw new S3Error("AuthorizationHeaderMalformed", {
        message: `The authorization header is malformed; the region '${claim.region}' is wrong; expecting '${this.#options.region}'`,
        Region: this.#options.region,
      });
    }
    return claim;
  }

  /** @throws S3Error with S3's own code for what is wrong. */
  authenticate({ method = "", url = "", headers }: IncomingMessage, claim: Authorization): Authenticated {
    const { accessKeyId, date, region, signedHeaders, signature } = claim;
    const credential = this.#judge(accessKeyId, headers);
    const timestamp = this.#timestamp(headers, date);
    const payloadHash = payloadHashOf(headers);
    this.#assertSigned(signedHeaders, headers);
    const context: SigningContext = {
      key: this.#keys.get(accessKeyId, credential.secretAccessKey, date, region),
      timestamp,
      scope: `${date}/${region}/s3/aws4_request`,
    };
    const expected = signatureOf({ method, url, headers, timestamp, payloadHash }, signedHeaders, context);
    if (!isSameSignature(expected, signature)) throw new S3Error("SignatureDoesNotMatch");
    return { credential, payloadHash, seedSignature: signature, context };
  }

  #judge(accessKeyId: string, headers: IncomingHttpHeaders): IssuedCredential {
    const { ledger, clock } = this.#options;
    const verdict = ledger.judge(accessKeyId, single(headers, "x-amz-security-token"), clock.now());
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

  #timestamp(headers: IncomingHttpHeaders, scopeDate: string): string {
    const { clock, maxSkewMs } = this.#options;
    const timestamp = single(headers, "x-amz-date") ?? "";
    const parts = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(timestamp);
    if (parts === null) {
      throw new S3Error("AccessDenied", { message: "AWS authentication requires a valid Date or x-amz-date header" });
    }
    const [, year, month, day, hour, minute, second] = parts.map(Number);
    const signedAt = Date.UTC(year ?? 0, (month ?? 1) - 1, day, hour, minute, second);
    const now = clock.now();
    if (Math.abs(now - signedAt) > maxSkewMs()) {
      throw new S3Error("RequestTimeTooSkewed", {
        reason: `${Math.round((signedAt - now) / 1000)} s`,
        RequestTime: timestamp,
        ServerTime: new Date(now).toISOString().replace(/\.\d+Z$/, "Z"),
        MaxAllowedSkewMilliseconds: String(Math.round(maxSkewMs())),
      });
    }
    if (!timestamp.startsWith(scopeDate)) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "the scope's date is not the request's" });
    }
    return timestamp;
  }

  /** What could be changed on the way must be signed: the host and every header of AWS's own. */
  #assertSigned(signedHeaders: readonly string[], headers: IncomingHttpHeaders): void {
    if (!signedHeaders.includes("host")) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "host is not signed" });
    }
    for (const name of Object.keys(headers)) {
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

function payloadHashOf(headers: IncomingHttpHeaders): string {
  const name = "x-amz-content-sha256";
  const value = single(headers, name);
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
