/**
 * The documents in which credentials are handed out, byte for byte as the SDKs of all languages know them.
 *
 * - container: `{ AccessKeyId, SecretAccessKey, Token, Expiration, AccountId? }`
 * - IMDS: `{ Code, LastUpdated, Type, AccessKeyId, SecretAccessKey, Token, Expiration }`; the extended one adds `AccountId`
 *
 * Instants are whole seconds with `Z`: botocore switches its own refresh logic off for anything else (botocore #2670).
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
 */

/** What goes into a document. */
export interface Documented {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly accountId: string | undefined;
  /** Epoch milliseconds, like `receivedAt`. */
  readonly expiresAt: number;
  readonly receivedAt: number;
}

/** Ready to be sent, any number of times. Texts: Node.js sends head and text in one write, which a buffer would make two. */
export interface Documents {
  readonly container: string;
  readonly imds: string;
  readonly imdsExtended: string;
}

export function documentsOf(documented: Documented): Documents {
  const { accessKeyId, secretAccessKey, sessionToken, accountId, expiresAt, receivedAt } = documented;
  const secrets = { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken };
  const account = accountId === undefined ? {} : { AccountId: accountId };
  const imds = {
    Code: "Success",
    LastUpdated: wholeSeconds(receivedAt),
    Type: "AWS-HMAC",
    ...secrets,
    Expiration: wholeSeconds(expiresAt),
  };
  return Object.freeze({
    container: json({ ...secrets, Expiration: wholeSeconds(expiresAt), ...account }),
    imds: json(imds),
    imdsExtended: json({ ...imds, ...account }),
  });
}

/** `2026-11-25T10:00:00Z`, cut down: nobody may think that credentials live longer than they do. */
export function wholeSeconds(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

function json(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
