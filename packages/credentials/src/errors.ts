import { EvertokenError } from "@evertoken/core";

/** There are no credentials yet, and the source gave none. Its own error is the `cause`. */
export class CredentialsUnavailableError extends EvertokenError {
  override readonly code = "CREDENTIALS_UNAVAILABLE";
}

/** A service refused the credentials as expired, and the source had no others to offer in time. */
export class CredentialsRejectedError extends EvertokenError {
  override readonly code = "CREDENTIALS_REJECTED";
}
