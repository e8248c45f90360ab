/** A refusal in S3's words, by a fault: also those that the service itself never says. */

import { type Answer, withBody } from "../gate/answer.js";
import { element } from "../s3/xml.js";

/** Code → status and text, as S3 words them. @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
const REFUSALS = {
  AccessDenied: [403, "Access Denied"],
  ExpiredToken: [400, "The provided token has expired."],
  InternalError: [500, "We encountered an internal error. Please try again."],
  InvalidAccessKeyId: [403, "The AWS Access Key Id you provided does not exist in our records."],
  RequestTimeout: [
    400,
    "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
  ],
  ServiceUnavailable: [503, "Service is unable to handle request."],
  SlowDown: [503, "Please reduce your request rate."],
  TokenRefreshRequired: [400, "The provided token must be refreshed."],
} as const satisfies Record<string, readonly [number, string]>;

export type RefusalCode = keyof typeof REFUSALS;

/** @param changed another status than the code's own, or more elements. The gate fills in the identifiers. */
export function s3Refusal(
  code: RefusalCode,
  { status, ...more }: { status?: number; [field: string]: string | number | undefined } = {},
): Answer {
  const [own, text] = REFUSALS[code];
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n${element("Error", { Code: code, Message: text, ...more })}`;
  return withBody({ status: status ?? own, headers: {}, body: Buffer.alloc(0) }, body, "application/xml");
}
