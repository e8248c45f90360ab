/** A named role that is assumed with the host's own identity, by the STS client of the AWS SDK. */

import { fromTemporaryCredentials } from "@aws-sdk/credential-providers";
import { type CredentialSource, fromProvider, type Keeper } from "@evertoken/credentials";

/** What AWS takes for a session name; CloudTrail shows it. */
const NOT_IN_SESSION_NAMES = /[^\w+=,.@-]/g;

/** @see https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
export function fromAssumedRole(name: string, arn: string, own: Keeper): CredentialSource {
  const provider = fromTemporaryCredentials({
    masterCredentials: own.provider,
    params: { RoleArn: arn, RoleSessionName: `evertoken-${name}`.replace(NOT_IN_SESSION_NAMES, "-").slice(0, 64) },
  });
  return fromProvider(provider, { name: `STS for ${arn}` });
}
