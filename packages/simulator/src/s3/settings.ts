/**
 * Settings of buckets and objects that this simulator does not change: what S3 answers of a bucket that was just created.
 * Tools ask for them and take a refusal for a broken service.
 */

import { S3Error, type S3ErrorCode } from "./errors.js";
import type { S3Answer } from "./request.js";
import { OWNER } from "./store.js";
import { document, type XmlFields } from "./xml.js";

const OWNED = {
  Owner: OWNER,
  AccessControlList: {
    Grant: [{ Grantee: { ID: OWNER.ID, DisplayName: OWNER.DisplayName }, Permission: "FULL_CONTROL" }],
  },
};

const ANSWERS: Readonly<Record<string, (region: string) => string>> = {
  accelerate: () => document("AccelerateConfiguration", {}),
  // What kind of grantee it is stands in an attribute, without which SDKs do not read it.
  acl: () =>
    document("AccessControlPolicy", OWNED).replace(
      "<Grantee>",
      '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">',
    ),
  encryption: () =>
    document("ServerSideEncryptionConfiguration", {
      Rule: { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" }, BucketKeyEnabled: false },
    }),
  // The oldest region has no name here.
  location: (region) => document("LocationConstraint", {}).replace("></", `>${region === "us-east-1" ? "" : region}</`),
  logging: () => document("BucketLoggingStatus", {}),
  notification: () => document("NotificationConfiguration", {}),
  ownershipControls: () => document("OwnershipControls", { Rule: { ObjectOwnership: "BucketOwnerEnforced" } }),
  publicAccessBlock: () =>
    document("PublicAccessBlockConfiguration", {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    } satisfies XmlFields),
  requestPayment: () => document("RequestPaymentConfiguration", { Payer: "BucketOwner" }),
  versioning: () => document("VersioningConfiguration", {}),
};

const MISSING: Readonly<Record<string, S3ErrorCode>> = {
  cors: "NoSuchCORSConfiguration",
  lifecycle: "NoSuchLifecycleConfiguration",
  "object-lock": "ObjectLockConfigurationNotFoundError",
  policy: "NoSuchBucketPolicy",
  replication: "ReplicationConfigurationNotFoundError",
  tagging: "NoSuchTagSet",
  website: "NoSuchWebsiteConfiguration",
};

/** Names of the settings that a bucket can be asked for. */
export const BUCKET_SETTINGS: readonly string[] = [...Object.keys(ANSWERS), ...Object.keys(MISSING)];

export function settingOf(name: string, region: string): S3Answer {
  const missing = Object.hasOwn(MISSING, name) ? MISSING[name] : undefined;
  if (missing !== undefined) throw new S3Error(missing);
  return { status: 200, body: ANSWERS[name]?.(region) ?? "" };
}
