import { EvertokenError } from "@evertoken/core";

/**
 * The service refused the credentials as stale while a stream was being sent as the body, and what has been read of a
 * stream cannot be sent again. Other credentials are in place: send the request again with a new stream, or give the
 * body as a string or buffer. The service's error is the `cause`.
 */
export class BodyNotReplayableError extends EvertokenError {
  override readonly code = "BODY_NOT_REPLAYABLE";
}
