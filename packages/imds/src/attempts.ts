/**
 * Asking again: an exchange with IMDS is tried a bounded number of times with full-jitter pauses in between, because
 * one lost packet or one 503 must not look like an instance without credentials.
 *
 * Tried again: no connection, no answer in time, 5xx, 429, answers that make no sense. Everything else is an answer.
 */

import { backOff, describeError, type SmallAnswer, UnreadableAnswer } from "@evertoken/core";
import { ImdsError } from "./errors.js";
import type { ImdsSettings } from "./settings.js";

/** The longest pause after a first failed attempt; it doubles with each. Short: somebody may be waiting. */
const BACK_OFF = { baseMs: 100, maxMs: 1000 };

export interface AttemptOptions {
  /** `GET /latest/…`, for messages. */
  readonly what: string;
  readonly path: string;
  readonly attempts: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * @param once one exchange; it throws {@link UnreadableAnswer} when the answer makes no sense.
 * @throws ImdsError `IMDS_UNREACHABLE` or `IMDS_BAD_ANSWER` when no attempt gave an answer; the signal's reason.
 */
export async function attempting<T extends { readonly answer: SmallAnswer }>(
  settings: ImdsSettings,
  { what, path, attempts, signal }: AttemptOptions,
  once: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    let failure: unknown;
    try {
      const result = await once();
      const { status } = result.answer;
      if (status < 500 && status !== 429) return result;
      failure = new Error(`it answered ${status}`);
    } catch (error) {
      signal?.throwIfAborted();
      failure = error;
    }
    if (attempt >= attempts) throw giveUp(settings, { what, path, attempts }, failure);
    await settings.clock.network.sleep(backOff(attempt, { ...BACK_OFF, random: settings.random }), signal);
  }
}

function giveUp(settings: ImdsSettings, { what, path, attempts }: AttemptOptions, failure: unknown): ImdsError {
  const tried = `${attempts} attempt${attempts === 1 ? "" : "s"} of ${settings.timeoutMs} ms`;
  const told = { path, attempts, cause: failure };
  if (failure instanceof UnreadableAnswer) {
    return new ImdsError(
      "IMDS_BAD_ANSWER",
      `what answered at ${settings.endpoint} to ${what} does not speak IMDS (${tried}; last: ${describeError(failure)}). ` +
        "Check that the endpoint is right and that nothing between this process and IMDS rewrites answers.",
      told,
    );
  }
  return new ImdsError(
    "IMDS_UNREACHABLE",
    `IMDS at ${settings.endpoint} did not answer ${what} (${tried}; last: ${describeError(failure)}). ` +
      "Check that this host is an EC2 instance with its metadata service on, that AWS_EC2_METADATA_SERVICE_ENDPOINT " +
      "(if set) is right and, in a container, that the instance's HttpPutResponseHopLimit is 2 or more.",
    told,
  );
}
