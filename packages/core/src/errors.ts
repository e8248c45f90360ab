/**
 * The base of every error Evertoken throws. An error is written for whoever reads it at 3 a.m.: what happened, what was
 * tried, what to do next. Programs branch on `code`, which never changes its meaning.
 */

export interface EvertokenErrorOptions {
  /** What brought it about. */
  readonly cause?: unknown;
}

export abstract class EvertokenError extends Error {
  /** Stable, for programs: `IMDS_UNREACHABLE`, `CREDENTIALS_REJECTED`, … */
  abstract readonly code: string;

  constructor(message: string, options: EvertokenErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** One thing that is wrong with what was handed in. */
export interface Problem {
  /** Which field: `size`, `timeline[2].fault`, `AWS_METADATA_SERVICE_TIMEOUT`. */
  readonly field: string;
  /** What is wrong with its value and what was expected. */
  readonly message: string;
}

/** Something handed in (an option, an environment variable, a file) is not what it must be. Nothing was done. */
export class InvalidInputError extends EvertokenError {
  override readonly code = "INVALID_INPUT";
  readonly problems: readonly Problem[];

  /** @param where what was being given, as its user calls it: `createS3Pool options`. */
  constructor(where: string, problems: readonly Problem[], options: EvertokenErrorOptions = {}) {
    super(`${where}: ${problems.map(({ field, message }) => `${field} ${message}`).join("; ")}`, options);
    this.problems = problems;
  }
}

/** Something was used after its `close()`. */
export class ClosedError extends EvertokenError {
  override readonly code = "CLOSED";
}

/** What an error says, for a sentence in another error: its message, and those of its causes. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // Node reports a host with several addresses as an AggregateError without a message of its own.
  const inner = error instanceof AggregateError ? error.errors : [];
  const own = error.message || inner.map(describeError).join(", ") || error.name;
  if (error.cause === undefined) return own;
  const cause = describeError(error.cause);
  // Many a message has its cause in it already.
  return own.includes(cause) ? own : `${own} (${cause})`;
}
