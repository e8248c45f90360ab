/**
 * The sources that the AWS SDK knows best: shared config and credentials files (static keys, SSO, assume-role, process, web
 * identity) and web identity tokens. Its providers are loaded when they are first asked, because most processes never do.
 */

import { type AwsSdkProvider, fromProvider } from "./from-provider.js";
import type { CredentialSource, SourceKind } from "./source.js";

type Providers = typeof import("@aws-sdk/credential-providers");

function fromSdk(kind: SourceKind, name: string, choose: (providers: Providers) => AwsSdkProvider): CredentialSource {
  return {
    name,
    kind,
    watchable: false,
    async load(request) {
      const provider = choose(await import("@aws-sdk/credential-providers"));
      return fromProvider(provider, { name }).load(request);
    },
  };
}

export interface SharedConfigOptions {
  /** The profile. Environment: `AWS_PROFILE`. Default `default`. */
  readonly profile?: string | undefined;
}

/**
 * A source that reads a profile of the shared config and credentials files, whatever it says: keys, SSO, a role to assume,
 * a process to run, a web identity.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
export function fromSharedConfig({
  profile = process.env.AWS_PROFILE || "default",
}: SharedConfigOptions = {}): CredentialSource {
  // The files may have been changed since they were read: without `ignoreCache` the SDK reads them once a process.
  return fromSdk("shared-config", `profile ${profile} of the shared config files`, ({ fromIni }) =>
    fromIni({ profile, ignoreCache: true }),
  );
}

/**
 * A source that exchanges the token in `AWS_WEB_IDENTITY_TOKEN_FILE` for credentials of `AWS_ROLE_ARN`, by STS: IAM roles for
 * service accounts on EKS.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
 */
export function fromWebIdentity(): CredentialSource {
  return fromSdk("web-identity", "the web identity in AWS_WEB_IDENTITY_TOKEN_FILE", ({ fromTokenFile }) =>
    fromTokenFile(),
  );
}
