/** Operations on buckets, and the deletion of many objects at once. */

import { assertDeletable } from "./conditions.js";
import { assertAcl } from "./description.js";
import { S3Error } from "./errors.js";
import type { S3Answer, S3Request } from "./request.js";
import { type Bucket, OWNER, type Store } from "./store.js";
import { document, list, parseDocument, type XmlFields } from "./xml.js";

const MOST_DELETED_AT_ONCE = 1000;

/** Longest key, in bytes of UTF-8. */
const LONGEST_KEY_BYTES = 1024;

const MOST_BUCKETS_LISTED = 10_000;

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export function assertBucketName(name: string): void {
  const isName =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes("..") &&
    !/^(\d+\.){3}\d+$/.test(name) &&
    !/^(?:xn--|sthree-|amzn-s3-demo-)/.test(name) &&
    !/(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$/.test(name);
  if (!isName) throw new S3Error("InvalidBucketName", { BucketName: name });
}

/** @throws S3Error `KeyTooLongError`. */
export function assertKey(key: string): void {
  const size = Buffer.byteLength(key);
  if (size <= LONGEST_KEY_BYTES) return;
  throw new S3Error("KeyTooLongError", { Size: String(size), MaxSizeAllowed: String(LONGEST_KEY_BYTES) });
}

export async function createBucket(
  request: S3Request,
  store: Store,
  name: string,
  { region, now }: { region: string; now: () => number },
): Promise<S3Answer> {
  assertAcl(request);
  assertLocation(await request.body.document(), region);
  // Creating one's own bucket again is no error in us-east-1, and one everywhere else.
  if (store.find(name) !== undefined && region !== "us-east-1") {
    throw new S3Error("BucketAlreadyOwnedByYou", { BucketName: name });
  }
  await store.create(name, now());
  return { status: 200, headers: { location: `/${name}` } };
}

/** The oldest region is the one that is not named; every other one must be. */
function assertLocation(text: string, region: string): void {
  const configuration = text === "" ? {} : parseDocument(text, "CreateBucketConfiguration");
  if (configuration === undefined) throw new S3Error("MalformedXML");
  const location = configuration.LocationConstraint;
  if (location === undefined || location === "") {
    if (region === "us-east-1") return;
    throw new S3Error("IllegalLocationConstraintException", {
      message:
        "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.",
    });
  }
  if (location === "us-east-1") throw new S3Error("InvalidLocationConstraint", { LocationConstraint: location });
  if (location !== region) {
    throw new S3Error("IllegalLocationConstraintException", {
      message: `The ${String(location)} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    });
  }
}

export function headBucket(region: string): S3Answer {
  return { status: 200, headers: { "x-amz-bucket-region": region, "x-amz-access-point-alias": "false" } };
}

export async function deleteBucket(store: Store, bucket: Bucket): Promise<S3Answer> {
  if (!bucket.isEmpty) throw new S3Error("BucketNotEmpty", { BucketName: bucket.name });
  await store.delete(bucket.name);
  return { status: 204 };
}

export function listBuckets(request: S3Request, store: Store, region: string): S3Answer {
  const prefix = request.param("prefix") ?? "";
  const after = request.param("continuation-token") ?? "";
  const isPaged = request.param("max-buckets") !== undefined;
  const maxBuckets = request.number("max-buckets", 1, MOST_BUCKETS_LISTED) ?? MOST_BUCKETS_LISTED;
  const elsewhere = (request.param("bucket-region") ?? region) !== region;
  const rest = elsewhere ? [] : store.list().filter(({ name }) => name.startsWith(prefix) && name > after);
  const page = rest.slice(0, maxBuckets);
  const buckets = page.map(({ name, createdAt }) => ({
    Name: name,
    CreationDate: new Date(createdAt).toISOString(),
    BucketRegion: isPaged ? region : undefined,
  }));
  return {
    status: 200,
    body: document("ListAllMyBucketsResult", {
      Owner: OWNER,
      Buckets: { Bucket: buckets },
      ContinuationToken: page.length < rest.length ? page.at(-1)?.name : undefined,
      Prefix: request.param("prefix"),
    }),
  };
}

export async function deleteObjects(request: S3Request, bucket: Bucket): Promise<S3Answer> {
  if (!request.body.isSummedUp) {
    throw new S3Error("InvalidRequest", {
      message: "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    });
  }
  const asked = parseDocument(await request.body.document(), "Delete");
  const objects = list(asked, "Object");
  if (objects.length === 0 || objects.length > MOST_DELETED_AT_ONCE) throw new S3Error("MalformedXML");
  if (objects.some(({ Key: key }) => typeof key !== "string" || key === "")) throw new S3Error("MalformedXML");
  const deleted: XmlFields[] = [];
  const failed: XmlFields[] = [];
  for (const { Key: key, ETag: etag } of objects as { Key: string; ETag?: unknown }[]) {
    try {
      assertKey(key);
      await bucket.delete(key, (existing) => {
        if (typeof etag === "string") assertDeletable(etag, existing);
      });
      deleted.push({ Key: key });
    } catch (error) {
      if (!(error instanceof S3Error)) throw error;
      failed.push({ Key: key, Code: error.code, Message: error.message });
    }
  }
  const isQuiet = String(asked?.Quiet).trim() === "true";
  return { status: 200, body: document("DeleteResult", { Deleted: isQuiet ? [] : deleted, Error: failed }) };
}
