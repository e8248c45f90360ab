/** What can go wrong with IMDS, one code for each thing that its reader would do differently. */

import { EvertokenError, type EvertokenErrorOptions } from "@evertoken/core";

/**
 * - `IMDS_DISABLED`: switched off by a setting of this process; no packet was sent.
 * - `IMDS_UNREACHABLE`: no usable answer in any attempt (no connection, no answer in time, 5xx, 429).
 * - `IMDS_HOP_LIMIT`: reachable, but the answer to the token request gets lost: this is a container, most likely.
 * - `IMDS_REFUSED`: IMDS answered that it will not (400, 401 with a new token, 403, 405).
 * - `IMDS_NOT_FOUND`: there is no such category (404); for credentials: no role is attached.
 * - `IMDS_BAD_ANSWER`: an answer that is not what the protocol says.
 */
export type ImdsErrorCode =
  | "IMDS_DISABLED"
  | "IMDS_UNREACHABLE"
  | "IMDS_HOP_LIMIT"
  | "IMDS_REFUSED"
  | "IMDS_NOT_FOUND"
  | "IMDS_BAD_ANSWER";

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
