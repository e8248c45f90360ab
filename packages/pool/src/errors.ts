import { EvertokenError, type EvertokenErrorOptions } from "@evertoken/core";

/**
 * The service refused the credentials as stale while a stream was being sent as the body, and more of it had been read
 * than is kept. Other credentials are in place: send the request again with a new stream, raise `replayBufferBytes`, or
 * give the body as a string, buffer, Blob or file stream. The service's error is the `cause`.
 */
export class BodyNotReplayableError extends EvertokenError {
  override readonly code = "BODY_NOT_REPLAYABLE";
}

/** Every client is busy: too many requests wait already, or this one has waited too long. Nothing was sent. */
export class PoolOverloadedError extends EvertokenError {
  override readonly code: "POOL_QUEUE_FULL" | "POOL_QUEUE_TIMEOUT";

  constructor(code: PoolOverloadedError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The pool's `create()` threw, or returned no client. What it threw is the `cause`. Nothing was sent. */
export class ClientCreationError extends EvertokenError {
  override readonly code = "CLIENT_CREATION_FAILED";
  /** `create()` is called again at the first request after so many milliseconds. */
  readonly retryAfterMs: number;

  constructor(
    message: string,
    { retryAfterMs, ...options }: EvertokenErrorOptions & { readonly retryAfterMs: number },
  ) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}
