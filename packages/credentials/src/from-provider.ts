/** Credentials from any provider of the AWS SDK for JavaScript v3, or from any function of that shape. */

import type { CredentialSource, Credentials } from "./source.js";

/** What `@aws-sdk/credential-providers` and the `credentials` of SDK clients are: a function, or credentials as such. */
export type AwsSdkProvider = Credentials | ((options?: { forceRefresh?: boolean }) => Promise<Credentials>);

/**
 * A source that asks an AWS SDK provider. It is asked only near the end of what it gave, since most providers pay for
 * an answer with a call to STS or SSO.
 *
 * @example
 * import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
 * const keeper = createKeeper({ source: fromProvider(fromTemporaryCredentials({ params: { RoleArn } })) });
 */
export function fromProvider(provider: AwsSdkProvider, { name = "the given provider" } = {}): CredentialSource {
  return {
    name,
    watchable: false,
    // Without `forceRefresh` a provider that memoises would answer with what we already hold.
    load: async () => ({
      credentials: typeof provider === "function" ? await provider({ forceRefresh: true }) : provider,
    }),
  };
}
