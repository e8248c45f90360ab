/**
 * Telling the commonest failure in a container apart: IMDS answers requests without a token (401, or 200 where version 1 is
 * on), but its answer to the token request never arrives, because that one has a hop limit of 1 by default and a container
 * is one hop further.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-IMDS-existing-instances.html
 */

import { NoAnswerInTime, type SmallAnswer } from "@evertoken/core";
import { ImdsError } from "./errors.js";
import { imdsProtocol } from "./protocol.js";
import type { ImdsSettings } from "./settings.js";

/**
 * @param failure of the token request.
 * @param withoutToken one GET without a session token.
 * @returns the error that says what to do, when that is the cause; else the failure as it was.
 */
export async function diagnoseHopLimit(
  failure: unknown,
  { endpoint, timeoutMs }: ImdsSettings,
  withoutToken: () => Promise<SmallAnswer>,
): Promise<unknown> {
  if (!(failure instanceof ImdsError && failure.cause instanceof NoAnswerInTime)) return failure;
  const answer = await withoutToken().catch(() => undefined);
  if (answer?.status !== 401 && answer?.status !== 200) return failure;
  return new ImdsError(
    "IMDS_HOP_LIMIT",
    `IMDS at ${endpoint} did not answer the token request (${failure.attempts} attempts of ${timeoutMs} ms). It did ` +
      "answer a request without a token, so the hop limit of its answer is the likely cause, as in a container: set " +
      "HttpPutResponseHopLimit of the instance to 2, or run the agent on the host.",
    { path: imdsProtocol.tokenPath, attempts: failure.attempts, cause: failure },
  );
}
