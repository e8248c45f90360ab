/**
 * Which operations take the fast lane, and with which input members. A member that is not on its operation's list sends
 * the whole request the SDK lane, so one that a later SDK brings is never left out in silence. How a member travels
 * (header, query, path) is read from the SDK's own schema: `plan.ts`.
 *
 * Not listed on purpose: keys for server-side encryption with customer keys (`SSECustomer…`), which the SDK hashes on the
 * way; lists; `MFA`; `WriteOffsetBytes`, for S3 Express alone.
 */

import {
  DeleteObject$,
  DeleteObjectCommand,
  GetObject$,
  GetObjectCommand,
  HeadObject$,
  HeadObjectCommand,
  ListObjectsV2$,
  ListObjectsV2Command,
  PutObject$,
  PutObjectCommand,
  UploadPart$,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { StaticOperationSchema } from "@smithy/types";

export interface Operation {
  readonly command: new (input: never) => object;
  readonly schema: StaticOperationSchema;
  readonly members: readonly string[];
  /** What the dry run sends, so that as much as can be is compared: `route.ts`. `Bucket` is added. */
  readonly sample: Readonly<Record<string, unknown>>;
  /** An answer of 200 may carry an error document: https://repost.aws/knowledge-center/s3-resolve-200-internalerror */
  readonly mayFailWith200: boolean;
  /** The answer's body is handed to the caller as a stream. */
  readonly streams: boolean;
}

const OF_ALL = ["Bucket", "ExpectedBucketOwner", "RequestPayer"];

const UPLOADED_BODY = [
  "Body",
  "ContentLength",
  "ContentMD5",
  "ChecksumAlgorithm",
  "ChecksumCRC32",
  "ChecksumCRC32C",
  "ChecksumCRC64NVME",
  "ChecksumSHA1",
  "ChecksumSHA256",
];

const READ = [
  ...OF_ALL,
  "Key",
  "ChecksumMode",
  "IfMatch",
  "IfModifiedSince",
  "IfNoneMatch",
  "IfUnmodifiedSince",
  "PartNumber",
  "Range",
  "ResponseCacheControl",
  "ResponseContentDisposition",
  "ResponseContentEncoding",
  "ResponseContentLanguage",
  "ResponseContentType",
  "ResponseExpires",
  "VersionId",
];

/** Characters that are encoded in different ways by those who do it wrongly. */
const SAMPLE_KEY = "a b+c/ü~!'()*.txt";
const SAMPLE_BODY = new Uint8Array([1, 2, 3]);

const put: Operation = {
  command: PutObjectCommand,
  schema: PutObject$,
  members: [
    ...OF_ALL,
    ...UPLOADED_BODY,
    "Key",
    "ACL",
    "BucketKeyEnabled",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "GrantFullControl",
    "GrantRead",
    "GrantReadACP",
    "GrantWriteACP",
    "IfMatch",
    "IfNoneMatch",
    "Metadata",
    "ObjectLockLegalHoldStatus",
    "ObjectLockMode",
    "ObjectLockRetainUntilDate",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "StorageClass",
    "Tagging",
    "WebsiteRedirectLocation",
  ],
  sample: {
    Key: SAMPLE_KEY,
    Body: SAMPLE_BODY,
    CacheControl: "no-cache",
    Metadata: { Two: " of  them ", one: "1" },
    Expires: new Date(0),
  },
  mayFailWith200: true,
  streams: false,
};

const uploadPart: Operation = {
  command: UploadPartCommand,
  schema: UploadPart$,
  members: [...OF_ALL, ...UPLOADED_BODY, "Key", "PartNumber", "UploadId"],
  sample: { Key: SAMPLE_KEY, Body: SAMPLE_BODY, PartNumber: 2, UploadId: "a/b+c" },
  mayFailWith200: true,
  streams: false,
};

const get: Operation = {
  command: GetObjectCommand,
  schema: GetObject$,
  members: READ,
  sample: { Key: SAMPLE_KEY, Range: "bytes=0-1", VersionId: "a b", ResponseExpires: new Date(0) },
  mayFailWith200: false,
  streams: true,
};

const head: Operation = {
  command: HeadObjectCommand,
  schema: HeadObject$,
  members: READ,
  sample: { Key: SAMPLE_KEY, IfModifiedSince: new Date(0) },
  mayFailWith200: true,
  streams: false,
};

const remove: Operation = {
  command: DeleteObjectCommand,
  schema: DeleteObject$,
  members: [...OF_ALL, "Key", "BypassGovernanceRetention", "IfMatch", "VersionId"],
  sample: { Key: SAMPLE_KEY, VersionId: "1" },
  mayFailWith200: true,
  streams: false,
};

const list: Operation = {
  command: ListObjectsV2Command,
  schema: ListObjectsV2$,
  members: [
    ...OF_ALL,
    "ContinuationToken",
    "Delimiter",
    "EncodingType",
    "FetchOwner",
    "MaxKeys",
    "Prefix",
    "StartAfter",
  ],
  sample: { Prefix: SAMPLE_KEY, Delimiter: "/", MaxKeys: 7, FetchOwner: true },
  mayFailWith200: true,
  streams: false,
};

export const OPERATIONS: readonly Operation[] = [put, get, head, remove, uploadPart, list];
