/** Credentials from any provider of the AWS SDK for JavaScript v3, or from any function of that shape. */

import type { CredentialSource, Credentials } from "./source.js";

/**
 * What `@aws-sdk/credential-providers` and the `credentials` of SDK clients are: a function, or credentials as such. SDK
 * providers differ in what else they take, so nothing is said of their parameters.
 */
export type AwsSdkProvider = Credentials | ((...options: never[]) => Promise<Credentials>);

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
    kind: "provider",
    watchable: false,
    load: async () => ({ credentials: typeof provider === "function" ? await ask(provider) : provider }),
  };
}

/** Without `forceRefresh` a provider that memoises would answer with what we already hold. */
function ask(provider: (...options: never[]) => Promise<Credentials>): Promise<Credentials> {
  return (provider as (options: { forceRefresh: boolean }) => Promise<Credentials>)({ forceRefresh: true });
}
