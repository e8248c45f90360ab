/** Operations on buckets, and the deletion of many objects at once. */

import { S3Error } from "./errors.js";
import type { S3Answer, S3Request } from "./request.js";
import { type Bucket, OWNER, type Store } from "./store.js";
import { document, parseDocument, type XmlFields } from "./xml.js";

const MOST_DELETED_AT_ONCE = 1000;

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
export function assertBucketName(name: string): void {
  const isName =
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes("..") && !/^(\d+\.){3}\d+$/.test(name);
  if (!isName) throw new S3Error("InvalidBucketName", { BucketName: name });
}

export function createBucket(store: Store, name: string, region: string, now: number): S3Answer {
  // Creating one's own bucket again is no error in us-east-1, and one everywhere else.
  if (store.find(name) === undefined) store.create(name, now);
  else if (region !== "us-east-1") throw new S3Error("BucketAlreadyOwnedByYou", { BucketName: name });
  return { status: 200, headers: { location: `/${name}` } };
}

export function headBucket(region: string): S3Answer {
  return { status: 200, headers: { "x-amz-bucket-region": region } };
}

export function deleteBucket(store: Store, bucket: Bucket): S3Answer {
  if (!bucket.isEmpty) throw new S3Error("BucketNotEmpty", { BucketName: bucket.name });
  store.delete(bucket.name);
  return { status: 204 };
}

export function listBuckets(store: Store): S3Answer {
  const buckets = store
    .list()
    .map(({ name, createdAt }) => ({ Name: name, CreationDate: new Date(createdAt).toISOString() }));
  return { status: 200, body: document("ListAllMyBucketsResult", { Owner: OWNER, Buckets: { Bucket: buckets } }) };
}

export function getBucketLocation(region: string): S3Answer {
  // The oldest region has no name here.
  const name = region === "us-east-1" ? "" : region;
  return {
    status: 200,
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${name}</LocationConstraint>`,
  };
}

export function deleteObjects(request: S3Request, bucket: Bucket): S3Answer {
  if (request.payload.checksum === undefined && request.header("content-md5") === undefined) {
    throw new S3Error("InvalidRequest", {
      message: "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
    });
  }
  const list = parseDocument(request.payload.content.toString(), "Delete");
  const objects: unknown = list?.Object;
  if (!Array.isArray(objects) || objects.length > MOST_DELETED_AT_ONCE) throw new S3Error("MalformedXML");
  const deleted: XmlFields[] = [];
  for (const { Key: key } of objects as { Key?: unknown }[]) {
    if (typeof key !== "string") throw new S3Error("MalformedXML");
    bucket.delete(key);
    deleted.push({ Key: key });
  }
  return { status: 200, body: document("DeleteResult", { Deleted: list?.Quiet === "true" ? [] : deleted }) };
}
