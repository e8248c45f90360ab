/**
 * Outlier ejection: a member that fails where the others succeed gets no requests for a while. After gRPC's proposal A50
 * and Envoy's outlier detection, whose names and defaults these are.
 * @see https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md
 * @see https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
 */

export interface EjectionSettings {
  /** So many failures in a row eject at once. Default 5. */
  readonly consecutiveFailures: number;
  /** Success rates are compared this often, in milliseconds. Default 10,000. */
  readonly intervalMs: number;
  /** A member with fewer requests in an interval is not judged by its success rate. Default 100. */
  readonly minRequests: number;
  /** With fewer members to compare, success rates say nothing. Default 5. */
  readonly minMembers: number;
  /** The first ejection lasts this long, the second twice as long, …, in milliseconds. Default 30,000. */
  readonly baseEjectionMs: number;
  /** No ejection lasts longer, in milliseconds. Default 300,000. */
  readonly maxEjectionMs: number;
  /** At most this part of the pool is ejected at a time, in per cent; one member always may be. Default 10. */
  readonly maxEjectionPercent: number;
}

export const DEFAULT_EJECTION: EjectionSettings = Object.freeze({
  consecutiveFailures: 5,
  intervalMs: 10_000,
  minRequests: 100,
  minMembers: 5,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 10,
});

/** How a request ended, as far as the health of its client goes. */
export type Outcome = "good" | "bad" | "neither";

const BAD_NAMES: ReadonlySet<string> = new Set([
  // Time-outs, as the SDK's handlers call them.
  "TimeoutError",
  "RequestTimeout",
  // https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
  "SlowDown",
  "ServiceUnavailable",
  "InternalError",
]);

/** Codes of Node.js and undici for connections that could not be made or broke. */
const CONNECTION_CODE = /^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|UND_ERR_|ERR_TLS|CERT_)/;

/** A caller's own mistake (4xx) is a good answer of a healthy client; a caller who gives up says nothing about it. */
export function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof Error)) return "neither";
  if (error.name === "AbortError") return "neither";
  if (BAD_NAMES.has(error.name)) return "bad";
  const status = "$metadata" in error ? (error.$metadata as { httpStatusCode?: number }).httpStatusCode : undefined;
  if (status !== undefined) return status >= 500 ? "bad" : "good";
  return "code" in error && CONNECTION_CODE.test(String(error.code)) ? "bad" : "neither";
}

/** How far below the mean a success rate must be: A50's `stdev_factor` of 1900 thousandths. */
const STANDARD_DEVIATIONS = 1.9;

export interface Record {
  readonly good: number;
  readonly bad: number;
}

/** Which of these succeed less often than is to be explained by chance. */
export function successRateOutliers<M extends { readonly recent: Record }>(
  members: readonly M[],
  { minRequests, minMembers }: EjectionSettings,
): M[] {
  const judged = members
    .map((member) => ({ member, total: member.recent.good + member.recent.bad }))
    .filter(({ total }) => total >= minRequests)
    .map(({ member, total }) => ({ member, rate: member.recent.good / total }));
  if (judged.length < minMembers) return [];
  const mean = judged.reduce((sum, { rate }) => sum + rate, 0) / judged.length;
  const variance = judged.reduce((sum, { rate }) => sum + (rate - mean) ** 2, 0) / judged.length;
  const least = mean - STANDARD_DEVIATIONS * Math.sqrt(variance);
  return judged.filter(({ rate }) => rate < least).map(({ member }) => member);
}
