/** Credentials in environment variables: static, or temporary ones that somebody put there. */

import { hideFields, InvalidInputError } from "@evertoken/core";
import type { CredentialSource } from "./source.js";

/** Whether both variables that make credentials are set. */
export function hasEnvironmentCredentials(environment: NodeJS.ProcessEnv): boolean {
  return Boolean(environment.AWS_ACCESS_KEY_ID && environment.AWS_SECRET_ACCESS_KEY);
}

/**
 * A source that reads `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_CREDENTIAL_EXPIRATION` and
 * `AWS_ACCOUNT_ID`, anew each time.
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-static-credentials.html
 */
export function fromEnvironment(environment: NodeJS.ProcessEnv = process.env): CredentialSource {
  return {
    name: "the environment (AWS_ACCESS_KEY_ID)",
    kind: "environment",
    watchable: false,
    async load() {
      const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
      if (!accessKeyId || !secretAccessKey) {
        const message = "expected this and AWS_SECRET_ACCESS_KEY to be set";
        throw new InvalidInputError("environment", [{ field: "AWS_ACCESS_KEY_ID", message }]);
      }
      const { AWS_SESSION_TOKEN: sessionToken, AWS_ACCOUNT_ID: accountId } = environment;
      const expiration = expirationIn(environment);
      const credentials = {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken ? { sessionToken } : {}),
        ...(expiration === undefined ? {} : { expiration }),
        ...(accountId ? { accountId } : {}),
      };
      return {
        credentials: hideFields(credentials, "secretAccessKey", ...(sessionToken ? ["sessionToken" as const] : [])),
      };
    },
  };
}

function expirationIn({ AWS_CREDENTIAL_EXPIRATION: text }: NodeJS.ProcessEnv): Date | undefined {
  if (!text) return undefined;
  const expiration = new Date(text);
  if (!Number.isNaN(expiration.getTime())) return expiration;
  throw new InvalidInputError("environment", [
    { field: `AWS_CREDENTIAL_EXPIRATION=${text}`, message: "expected an instant like 2026-11-23T12:00:00Z" },
  ]);
}
