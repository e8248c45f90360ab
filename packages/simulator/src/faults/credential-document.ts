/**
 * The document in which credentials are handed out: JSON from IMDS and container endpoints, a part of the answer from STS.
 * Here both have the names of the former.
 */

import { type Answer, withBody } from "../gate/answer.js";
import { element } from "../s3/xml.js";

export type CredentialDocument = Readonly<Record<string, unknown>> & { readonly AccessKeyId: string };

/** STS's own, without what is in them: an identifier, base64, an instant. None needs an escape sequence. */
const IN_XML = /<Credentials>.*?<\/Credentials>/s;
const FIELD_IN_XML = /<(\w+)>([^<]*)<\/\1>/g;

/** Undefined when an answer hands out nothing. */
export function documentIn({ status, body }: Answer): CredentialDocument | undefined {
  if (status !== 200) return undefined;
  const text = body.toString();
  if (text.startsWith("{")) {
    const document = JSON.parse(text);
    return typeof document.AccessKeyId === "string" ? document : undefined;
  }
  const fields = [...(IN_XML.exec(text)?.[0].slice("<Credentials>".length).matchAll(FIELD_IN_XML) ?? [])];
  if (fields.length === 0) return undefined;
  const { SessionToken: Token, ...others } = Object.fromEntries(fields.map(([, name, value]) => [name, value]));
  return { AccessKeyId: "", ...others, Token };
}

/** The same answer with another document in it. */
export function withDocument(answer: Answer, document: object): Answer {
  const text = answer.body.toString();
  if (text.startsWith("{")) return withBody(answer, JSON.stringify(document, null, 2));
  const { Token, ...others } = document as Readonly<Record<string, string>>;
  const credentials = element("Credentials", { ...others, SessionToken: Token });
  return withBody(
    answer,
    text.replace(IN_XML, () => credentials),
  );
}
