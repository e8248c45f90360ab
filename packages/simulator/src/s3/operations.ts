/** Which operation a request asks for, by its method and where it is aimed: S3 has no other way to tell. */

import {
  assertBucketName,
  createBucket,
  deleteBucket,
  deleteObjects,
  getBucketLocation,
  headBucket,
  listBuckets,
} from "./buckets.js";
import { S3Error } from "./errors.js";
import { listObjectsV1, listObjectsV2 } from "./listing.js";
import {
  abortUpload,
  completeUpload,
  copyPart,
  createUpload,
  listParts,
  listUploads,
  uploadPart,
} from "./multipart.js";
import { copyObject, deleteObject, getObject, headObject, putObject } from "./objects.js";
import type { S3Answer, S3Request, Target } from "./request.js";
import type { Bucket, Store } from "./store.js";

/** What operations work on. */
export interface World {
  readonly store: Store;
  readonly region: string;
  /** Whether a bucket is created when it is first used. */
  readonly createBuckets: boolean;
  readonly now: number;
  /** A new identifier, of an upload say. */
  readonly newId: () => string;
}

type OfService = (world: World) => S3Answer;
type OfBucket = (request: S3Request, bucket: Bucket, world: World) => S3Answer;
type OfObject = (request: S3Request, bucket: Bucket, key: string, world: World) => S3Answer;

const SERVICE: Readonly<Record<string, OfService>> = {
  ListBuckets: ({ store }) => listBuckets(store),
};

const BUCKET: Readonly<Record<string, OfBucket>> = {
  HeadBucket: (_request, _bucket, { region }) => headBucket(region),
  DeleteBucket: (_request, bucket, { store }) => deleteBucket(store, bucket),
  GetBucketLocation: (_request, _bucket, { region }) => getBucketLocation(region),
  ListObjects: (request, bucket) => listObjectsV1(request, bucket),
  ListObjectsV2: (request, bucket) => listObjectsV2(request, bucket),
  ListMultipartUploads: (request, bucket) => listUploads(request, bucket),
  DeleteObjects: (request, bucket) => deleteObjects(request, bucket),
};

const OBJECT: Readonly<Record<string, OfObject>> = {
  PutObject: (request, bucket, key, { now }) => putObject(request, bucket, key, now),
  GetObject: (request, bucket, key) => getObject(request, bucket, key),
  HeadObject: (request, bucket, key) => headObject(request, bucket, key),
  DeleteObject: (_request, bucket, key) => deleteObject(bucket, key),
  CopyObject: (request, bucket, key, { store, now }) => copyObject(request, store, bucket, key, now),
  CreateMultipartUpload: (request, bucket, key, { now, newId }) => createUpload(request, bucket, key, newId(), now),
  UploadPart: (request, bucket, key, { now }) => uploadPart(request, bucket, key, now),
  UploadPartCopy: (request, bucket, key, { store, now }) => copyPart(request, store, bucket, key, now),
  ListParts: (request, bucket, key) => listParts(request, bucket, key),
  CompleteMultipartUpload: (request, bucket, key, { now }) => completeUpload(request, bucket, key, now),
  AbortMultipartUpload: (request, bucket, key) => abortUpload(request, bucket, key),
};

/** Longest key, in bytes of UTF-8. */
const LONGEST_KEY_BYTES = 1024;

/** Sub-resources: with one of these in the query it is another operation. */
const SUB_RESOURCES =
  /^(accelerate|acl|analytics|attributes|cors|encryption|intelligent-tiering|inventory|legal-hold|lifecycle|logging|metadata.*|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|replication|requestPayment|restore|retention|select|session|tagging|torrent|versioning|versions|versionId|website)$/;

/** The name of the operation, as AWS calls it; `Unknown` when there is none. */
export function operationOf({ method, bucket, key, query }: Target, isCopy: boolean): string {
  for (const name of query.keys()) if (SUB_RESOURCES.test(name)) return "Unknown";
  if (bucket === undefined) return method === "GET" ? "ListBuckets" : "Unknown";
  return (key === undefined ? ofBucket(method, query) : ofObject(method, query, isCopy)) ?? "Unknown";
}

function ofBucket(method: string, query: URLSearchParams): string | undefined {
  if (method === "GET") {
    if (query.has("location")) return "GetBucketLocation";
    if (query.has("uploads")) return "ListMultipartUploads";
    return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
  }
  if (method === "POST") return query.has("delete") ? "DeleteObjects" : undefined;
  return { PUT: "CreateBucket", HEAD: "HeadBucket", DELETE: "DeleteBucket" }[method];
}

function ofObject(method: string, query: URLSearchParams, isCopy: boolean): string | undefined {
  const ofUpload = query.has("uploadId");
  switch (method) {
    case "GET":
      return ofUpload ? "ListParts" : "GetObject";
    case "HEAD":
      return "HeadObject";
    case "PUT":
      if (ofUpload) return isCopy ? "UploadPartCopy" : "UploadPart";
      return isCopy ? "CopyObject" : "PutObject";
    case "POST":
      if (query.has("uploads")) return "CreateMultipartUpload";
      return ofUpload ? "CompleteMultipartUpload" : undefined;
    case "DELETE":
      return ofUpload ? "AbortMultipartUpload" : "DeleteObject";
  }
  return undefined;
}

/** @throws S3Error for whatever is wrong with the request. */
export function perform(operation: string, request: S3Request, world: World): S3Answer {
  const { bucket: name, key } = request.target;
  const ofService = SERVICE[operation];
  if (ofService !== undefined) return ofService(world);
  if (name === undefined) throw new S3Error("MethodNotAllowed");
  assertBucketName(name);
  if (operation === "CreateBucket") return createBucket(world.store, name, world.region, world.now);
  const onBucket = BUCKET[operation];
  const onObject = OBJECT[operation];
  if (onBucket === undefined && onObject === undefined) throw new S3Error("NotImplemented");
  const bucket = world.store.find(name) ?? (world.createBuckets ? world.store.create(name, world.now) : undefined);
  if (bucket === undefined) throw new S3Error("NoSuchBucket", { BucketName: name });
  if (onBucket !== undefined) return onBucket(request, bucket, world);
  if (Buffer.byteLength(key ?? "") > LONGEST_KEY_BYTES) {
    throw new S3Error("KeyTooLongError", { MaxSizeAllowed: String(LONGEST_KEY_BYTES) });
  }
  return (onObject as OfObject)(request, bucket, key ?? "", world);
}
