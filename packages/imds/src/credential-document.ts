/**
 * The document in which IMDS hands out credentials, and after its example the container endpoints of ECS and EKS:
 *
 *     { Code, Message?, LastUpdated, Type, AccessKeyId, SecretAccessKey, Token, Expiration, AccountId? }
 *
 * Other fields are ignored; a container's has neither `Code` nor `LastUpdated`.
 */

import { hideFields, parseJsonObject, UnreadableAnswer } from "@evertoken/core";

/** What the document says, in the shape of an AWS SDK v3 identity. The secrets do not print. */
export interface DocumentedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
  readonly accountId?: string;
}

/** @throws UnreadableAnswer naming what is wrong with it. */
export function parseCredentialDocument(text: string): DocumentedCredentials {
  const document = parseJsonObject(text);
  const { Code: code, Message: message, AccountId: accountId } = document;
  if (code !== undefined && code !== "Success") {
    const why = typeof message === "string" ? `: ${message}` : "";
    throw new UnreadableAnswer(`the credential document says Code ${JSON.stringify(code)} instead of "Success"${why}`);
  }
  const field = (name: string): string => {
    const value = document[name];
    if (typeof value === "string" && value !== "") return value;
    throw new UnreadableAnswer(`the credential document has no ${name}`);
  };
  return hideFields(
    {
      accessKeyId: field("AccessKeyId"),
      secretAccessKey: field("SecretAccessKey"),
      sessionToken: field("Token"),
      expiration: endOf(field("Expiration"), document.LastUpdated),
      ...(typeof accountId === "string" && accountId !== "" ? { accountId } : {}),
    },
    "secretAccessKey",
    "sessionToken",
  );
}

/**
 * Compared with the document's own beginning, not with this host's clock, which may be wrong: whether credentials have
 * merely run out is for those to judge who know the skew.
 */
function endOf(expiration: string, lastUpdated: unknown): Date {
  const end = new Date(expiration);
  if (Number.isNaN(end.getTime())) throw new UnreadableAnswer("the credential document's Expiration is no instant");
  if (typeof lastUpdated === "string" && end.getTime() <= Date.parse(lastUpdated)) {
    throw new UnreadableAnswer("the credential document's Expiration is not after its LastUpdated");
  }
  return end;
}
