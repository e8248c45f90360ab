/** The errors of a Keeper. Each tells the story that led to it. */

import { EvertokenError, type EvertokenErrorOptions } from "@evertoken/core";

interface KeeperErrorOptions extends EvertokenErrorOptions {
  readonly timeline?: readonly string[] | undefined;
}

abstract class KeeperError extends EvertokenError {
  /** What happened before, oldest first, a line each: issued, rotated, refreshes that failed, who rejected. */
  readonly timeline: readonly string[];

  constructor(message: string, options: KeeperErrorOptions = {}) {
    super(message, options);
    this.timeline = options.timeline ?? [];
  }
}

/** There are no credentials yet, and the source gave none. Its own error is the `cause`. */
export class CredentialsUnavailableError extends KeeperError {
  override readonly code = "CREDENTIALS_UNAVAILABLE";
}

/** A service refused the credentials as expired, and the source had no others to offer in time. */
export class CredentialsRejectedError extends KeeperError {
  override readonly code = "CREDENTIALS_REJECTED";
}
