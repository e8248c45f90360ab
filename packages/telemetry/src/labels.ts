/**
 * Labels out of short lists. What comes from outside (paths, statuses, error codes, names) could be anything, and each value
 * of a label is another time series that somebody pays for: what is not on its list is called `other`.
 */

export const OTHER = "other";

/** `value` if it is one of `known`. */
function oneOf(known: ReadonlySet<string>, value: string): string {
  return known.has(value) ? value : OTHER;
}

/** Keeps the first names it meets, up to a limit: for what has no list and is few by nature, like operations. */
export class FewNames {
  readonly #limit: number;
  readonly #met = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  label(name: string): string {
    if (this.#met.has(name)) return name;
    if (this.#met.size >= this.#limit) return OTHER;
    this.#met.add(name);
    return name;
  }
}

const ROLE = /^\/latest\/meta-data\/iam\/security-credentials(-extended)?\//;

/** The kind of thing that a path of IMDS asks for: those of the session and the credentials told apart, the rest in one. */
export function imdsCategory(path: string): "token" | "role" | "credentials" | "metadata" {
  if (path === "/latest/api/token") return "token";
  const role = ROLE.exec(path)?.[0];
  if (role === undefined) return "metadata";
  return role === path ? "role" : "credentials";
}

/** What IMDS is known to answer. */
const STATUSES = new Set(["200", "400", "401", "403", "404", "405", "429", "500", "502", "503", "504"]);

export function imdsStatus(status: number | undefined): string {
  return status === undefined ? "none" : oneOf(STATUSES, String(status));
}

/** What services say about stale credentials and wrong clocks. */
const STALE_REASONS = [
  "AuthFailure",
  "ExpiredToken",
  "ExpiredTokenException",
  "InvalidAccessKeyId",
  "InvalidClientTokenId",
  "InvalidToken",
  "RequestExpired",
  "TokenRefreshRequired",
  "UnrecognizedClientException",
];
const SKEW_REASONS = [
  "InvalidSignatureException",
  "RequestInTheFuture",
  "RequestTimeTooSkewed",
  "SignatureDoesNotMatch",
];

const reasons = new Set([...STALE_REASONS, ...SKEW_REASONS]);
const skewReasons = new Set(SKEW_REASONS);

export function replayReason(code: string): string {
  return oneOf(reasons, code);
}

/** Whether a service said that of the clock, not of the credentials. */
export function isAboutClock(code: string): boolean {
  return skewReasons.has(code);
}
