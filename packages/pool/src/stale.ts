/**
 * Which answers of a service mean "these credentials are stale", so that other ones may help.
 *
 * All of these come before the service has acted on the request, which is why sending it again is safe even when the
 * operation is not idempotent. `SignatureDoesNotMatch` is not among them (other credentials do not mend a wrong secret or
 * a changed request). What services say about a wrong clock is told apart below.
 */

const STALE_CODES: ReadonlySet<string> = new Set([
  // S3: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
  "ExpiredToken",
  "TokenRefreshRequired",
  "InvalidToken",
  "InvalidAccessKeyId",
  // Other services: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and the like
  "ExpiredTokenException",
  "RequestExpired",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "AuthFailure",
]);

/**
 * - `stale`: the service says so.
 * - `perhaps`: a bare 400 to a HEAD, whose answer has no body to say why.
 * - `other`: anything else.
 */
export type Staleness = "stale" | "perhaps" | "other";

export function staleness(error: unknown, method: string): Staleness {
  if (!isServiceError(error)) return "other";
  if (STALE_CODES.has(serviceCode(error))) return "stale";
  return method === "HEAD" && error.$metadata.httpStatusCode === 400 ? "perhaps" : "other";
}

/** An error document's code; the SDK names its errors after it. */
export function serviceCode(error: Error): string {
  return "Code" in error && typeof error.Code === "string" ? error.Code : error.name;
}

/** Only ever said about the time of the request. */
const SKEW_CODES: ReadonlySet<string> = new Set(["RequestTimeTooSkewed", "RequestInTheFuture"]);

/** Said about the time of the request, among other things. */
const PERHAPS_SKEW_CODES: ReadonlySet<string> = new Set([
  "AuthFailure",
  "InvalidSignatureException",
  "RequestExpired",
  "SignatureDoesNotMatch",
]);

/** The strictest services allow five minutes; a clock that is off by less was not the reason. */
const NOTABLE_SKEW_MS = 240_000;

/**
 * True when the service refused the request because of this host's clock.
 * @param skewMs how far the clock by which the request was signed is off, by the service's answer.
 */
export function isSkewed(error: unknown, skewMs: number): boolean {
  if (!isServiceError(error)) return false;
  const code = serviceCode(error);
  return SKEW_CODES.has(code) || (PERHAPS_SKEW_CODES.has(code) && Math.abs(skewMs) >= NOTABLE_SKEW_MS);
}

interface ServiceError extends Error {
  readonly $metadata: { readonly httpStatusCode?: number };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "$metadata" in error && typeof error.$metadata === "object";
}
