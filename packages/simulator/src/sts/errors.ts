/**
 * STS's error answers: code, status and text as the service words them.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
 */

import { element } from "../s3/xml.js";

/** The namespace of every answer. */
const NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/";

const ERRORS = {
  AccessDenied: [403, "Access denied"],
  ExpiredToken: [403, "The security token included in the request is expired"],
  ExpiredTokenException: [400, "Token expired"],
  IncompleteSignature: [400, "The request signature does not conform to AWS standards."],
  InvalidAction: [400, "Could not find that operation"],
  InvalidClientTokenId: [403, "The security token included in the request is invalid."],
  InvalidIdentityToken: [
    400,
    "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
  ],
  MissingAction: [400, "The request must contain the parameter Action"],
  MissingAuthenticationToken: [403, "Request is missing Authentication Token"],
  RequestEntityTooLarge: [413, "The request is larger than any that STS takes"],
  SignatureDoesNotMatch: [
    403,
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and " +
      "signing method. Consult the service documentation for details.",
  ],
  ValidationError: [400, "The input fails to satisfy the constraints specified by an AWS service."],
} as const satisfies Record<string, readonly [number, string]>;

export class StsError extends Error {
  override readonly name = "StsError";
  readonly code: keyof typeof ERRORS;
  readonly status: number;
  /** For the journal, where the code alone does not tell why. */
  readonly reason: string | undefined;

  constructor(code: keyof typeof ERRORS, message?: string, reason?: string) {
    super(message ?? ERRORS[code][1]);
    this.code = code;
    this.status = ERRORS[code][0];
    this.reason = reason;
  }

  document(requestId: string): string {
    return errorDocument(this, requestId);
  }
}

/** @param requestId undefined: to be filled in. */
export function errorDocument(
  { code, message, status }: { readonly code: string; readonly message: string; readonly status: number },
  requestId?: string,
): string {
  const Type = status < 500 ? "Sender" : "Receiver";
  return inNamespace(element("ErrorResponse", { Error: { Type, Code: code, Message: message }, RequestId: requestId }));
}

/** A document's root belongs to STS. */
export function inNamespace(document: string): string {
  return document.replace(/^<(\w+)>/, `<$1 xmlns="${NAMESPACE}">`);
}
