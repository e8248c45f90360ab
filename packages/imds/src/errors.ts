/** What can go wrong with IMDS, one code for each thing that its reader would do differently. */

import { EvertokenError, type EvertokenErrorOptions } from "@evertoken/core";
import { imdsProtocol } from "./protocol.js";

/**
 * - `IMDS_DISABLED`: switched off by a setting of this process; no packet was sent.
 * - `IMDS_UNREACHABLE`: no usable answer in any attempt (no connection, no answer in time, 5xx, 429).
 * - `IMDS_HOP_LIMIT`: reachable, but the answer to the token request gets lost: this is a container, most likely.
 * - `IMDS_REFUSED`: IMDS answered that it will not (400, 401 with a new token, 403, 405).
 * - `IMDS_NOT_FOUND`: there is no such category (404); for credentials: no role is attached.
 * - `IMDS_BAD_ANSWER`: an answer that is not what the protocol says.
 * - `IMDS_EXPIRED_CREDENTIALS`: the credentials that it hands out have run out already.
 */
export type ImdsErrorCode =
  | "IMDS_DISABLED"
  | "IMDS_UNREACHABLE"
  | "IMDS_HOP_LIMIT"
  | "IMDS_REFUSED"
  | "IMDS_NOT_FOUND"
  | "IMDS_BAD_ANSWER"
  | "IMDS_EXPIRED_CREDENTIALS";

export interface ImdsErrorOptions extends EvertokenErrorOptions {
  readonly path?: string | undefined;
  readonly statusCode?: number | undefined;
  readonly attempts?: number | undefined;
}

export class ImdsError extends EvertokenError {
  override readonly code: ImdsErrorCode;
  /** What was asked for. */
  readonly path: string | undefined;
  /** The HTTP status of the last answer, if there was one. */
  readonly statusCode: number | undefined;
  /** How often it was tried. */
  readonly attempts: number | undefined;

  constructor(code: ImdsErrorCode, message: string, options: ImdsErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.path = options.path;
    this.statusCode = options.statusCode;
    this.attempts = options.attempts;
  }
}

/** What an answer other than 200 to the token request means. */
export function tokenRefused(endpoint: string, statusCode: number): ImdsError {
  const path = imdsProtocol.tokenPath;
  const advice =
    statusCode === 403
      ? "The metadata service of this instance is switched off, or a proxy added X-Forwarded-For: check " +
        "HttpEndpoint in the instance's metadata options."
      : "What listens there does not offer IMDSv2; version 1 is never used, because a single failed request would " +
        "then leave this process without protection.";
  const message = `IMDS at ${endpoint} refused a session token: it answered ${statusCode} to PUT ${path}. ${advice}`;
  return new ImdsError("IMDS_REFUSED", message, { path, statusCode });
}

/** What an answer other than 200 to a GET means. */
export function refused(endpoint: string, path: string, statusCode: number): ImdsError {
  if (statusCode === 404) {
    return new ImdsError("IMDS_NOT_FOUND", `IMDS at ${endpoint} has no ${path} (404).`, { path, statusCode });
  }
  const advice =
    statusCode === 401
      ? "It refused two session tokens that it had just granted: something between this process and IMDS may be " +
        "answering for it."
      : statusCode >= 300 && statusCode < 400
        ? "That is a redirect, which IMDS never sends and which is not followed: check what listens at the endpoint."
        : "Check that this process may read the metadata service.";
  const message = `IMDS at ${endpoint} refused GET ${path}: ${statusCode}. ${advice}`;
  return new ImdsError("IMDS_REFUSED", message, { path, statusCode });
}

/** Its holder can do nothing with them, and asking again at once would bring the same. */
export function expired(endpoint: string, accessKeyId: string, expiration: Date): ImdsError {
  const message =
    `IMDS at ${endpoint} hands out ${accessKeyId}, which expired at ${expiration.toISOString()}: its rotation is stuck, or ` +
    "its clock is wrong. Ask again in a minute, or use a Keeper (@evertoken/credentials), which does so by itself.";
  return new ImdsError("IMDS_EXPIRED_CREDENTIALS", message);
}
