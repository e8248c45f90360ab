/** Names and identifiers of IAM: who a credential belongs to, as `GetCallerIdentity` tells it. */

import { seededBase32 } from "./seeded.js";

/** Who signs with a credential. */
export interface Caller {
  readonly accountId: string;
  readonly arn: string;
  /** `AROA…:session` for a role, `AIDA…` for a user. */
  readonly userId: string;
}

/** `aws`, or the one of China, of the US government, or of the European sovereign cloud. */
export function partitionOf(region: string): { readonly partition: string; readonly domain: string } {
  if (region.startsWith("cn-")) return { partition: "aws-cn", domain: "amazonaws.com.cn" };
  if (region.startsWith("us-gov-")) return { partition: "aws-us-gov", domain: "amazonaws.com" };
  if (region.startsWith("eusc-")) return { partition: "aws-eusc", domain: "amazonaws.eu" };
  return { partition: "aws", domain: "amazonaws.com" };
}

export interface RoleName {
  readonly partition: string;
  readonly accountId: string;
  readonly roleName: string;
}

/** The role's identifier: 21 characters, the same whenever the role is met. */
export function roleIdOf({ accountId, roleName }: RoleName, seed: number): string {
  return `AROA${seededBase32(seed, `role/${accountId}/${roleName}`, 17)}`;
}

export function assumedRole(role: RoleName, sessionName: string, seed: number): Caller {
  const { partition, accountId, roleName } = role;
  return {
    accountId,
    arn: `arn:${partition}:sts::${accountId}:assumed-role/${roleName}/${sessionName}`,
    userId: `${roleIdOf(role, seed)}:${sessionName}`,
  };
}

export function iamUser(partition: string, accountId: string, userName: string, seed: number): Caller {
  return {
    accountId,
    arn: `arn:${partition}:iam::${accountId}:user/${userName}`,
    userId: `AIDA${seededBase32(seed, `user/${accountId}/${userName}`, 17)}`,
  };
}
