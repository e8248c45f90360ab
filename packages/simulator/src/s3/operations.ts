/** Which operation a request asks for, by its method and where it is aimed: S3 has no other way to tell. */

import { getObjectAttributes } from "./attributes.js";
import {
  assertBucketName,
  assertKey,
  createBucket,
  deleteBucket,
  deleteObjects,
  headBucket,
  listBuckets,
} from "./buckets.js";
import { copyObject } from "./copies.js";
import { S3Error } from "./errors.js";
import { listObjectsV1, listObjectsV2 } from "./listing.js";
import { abortUpload, completeUpload, copyPart, createUpload, uploadPart } from "./multipart.js";
import { deleteObject, find, getObject, type Place, putObject } from "./objects.js";
import type { S3Answer, S3Request, Target } from "./request.js";
import { BUCKET_SETTINGS, settingOf } from "./settings.js";
import type { Bucket, Store } from "./store.js";
import { deleteTagging, getTagging, putTagging } from "./tagging.js";
import { listParts, listUploads } from "./upload-listing.js";

/** What operations work on. */
export interface World {
  readonly store: Store;
  readonly region: string;
  /** Whether a bucket is created when it is first used. */
  readonly createBuckets: boolean;
  readonly now: () => number;
  /** A new identifier, of an upload say. */
  readonly newId: () => string;
}

type Answered = S3Answer | Promise<S3Answer>;
type OfBucket = (request: S3Request, bucket: Bucket, world: World) => Answered;
type OfObject = (request: S3Request, place: Place, world: World) => Answered;

const BUCKET: Readonly<Record<string, OfBucket>> = {
  HeadBucket: (_request, _bucket, { region }) => headBucket(region),
  DeleteBucket: (_request, bucket, { store }) => deleteBucket(store, bucket),
  ListObjects: listObjectsV1,
  ListObjectsV2: listObjectsV2,
  ListMultipartUploads: listUploads,
  DeleteObjects: deleteObjects,
  ...Object.fromEntries(
    BUCKET_SETTINGS.map((name): [string, OfBucket] => [
      getterOf(name),
      (_request, _bucket, { region }) => settingOf(name, region),
    ]),
  ),
};

const OBJECT: Readonly<Record<string, OfObject>> = {
  PutObject: putObject,
  GetObject: getObject,
  HeadObject: getObject,
  DeleteObject: deleteObject,
  CopyObject: copyObject,
  GetObjectAcl: (_request, { bucket, key }, { region }) => {
    find(bucket, key);
    return settingOf("acl", region);
  },
  GetObjectAttributes: getObjectAttributes,
  GetObjectTagging: (_request, place) => getTagging(place),
  PutObjectTagging: putTagging,
  DeleteObjectTagging: (_request, place) => deleteTagging(place),
  CreateMultipartUpload: (request, place, { newId }) => createUpload(request, place, unusedId(place.bucket, newId)),
  UploadPart: uploadPart,
  UploadPartCopy: copyPart,
  ListParts: listParts,
  CompleteMultipartUpload: completeUpload,
  AbortMultipartUpload: abortUpload,
};

/** Operations that read a body themselves; of all others it must be empty, or right at least. */
const WITH_BODY = new Set([
  "CreateBucket",
  "DeleteObjects",
  "PutObject",
  "PutObjectTagging",
  "UploadPart",
  "CompleteMultipartUpload",
]);

/** Sub-resources: with one of these in the query it is another operation. */
const SUB_RESOURCES =
  /^(accelerate|acl|analytics|attributes|cors|encryption|intelligent-tiering|inventory|legal-hold|lifecycle|location|logging|metadata.*|metrics|notification|object-lock|ownershipControls|policy|policyStatus|publicAccessBlock|renameObject|replication|requestPayment|restore|retention|select|session|tagging|torrent|versioning|versions|versionId|website)$/;

/** The name of the operation, as AWS calls it; `Unknown` when there is none. */
export function operationOf({ method, bucket, key, query }: Target, isCopy: boolean): string {
  const subResource = query.size === 0 ? undefined : subResourceIn(query);
  if (bucket === undefined) return method === "GET" && subResource === undefined ? "ListBuckets" : "Unknown";
  if (subResource !== undefined) {
    return (key === undefined ? settingOfBucket(method, subResource) : ofSubResource(method, subResource)) ?? "Unknown";
  }
  return (key === undefined ? ofBucket(method, query) : ofObject(method, query, isCopy)) ?? "Unknown";
}

function subResourceIn(query: URLSearchParams): string | undefined {
  return [...query.keys()].find((name) => SUB_RESOURCES.test(name) && !isCurrentVersion(name, query));
}

/** Without versioning the only version is called null. */
function isCurrentVersion(name: string, query: URLSearchParams): boolean {
  return name === "versionId" && query.get(name) === "null";
}

function settingOfBucket(method: string, name: string): string | undefined {
  return method === "GET" && BUCKET_SETTINGS.includes(name) ? getterOf(name) : undefined;
}

/** `GetBucketLocation`, `GetBucketAcl`, … */
function getterOf(setting: string): string {
  return `GetBucket${setting.replace(/(?:^|-)(.)/g, (_, letter: string) => letter.toUpperCase())}`;
}

function ofSubResource(method: string, name: string): string | undefined {
  if (name === "tagging") {
    return { GET: "GetObjectTagging", PUT: "PutObjectTagging", DELETE: "DeleteObjectTagging" }[method];
  }
  if (method !== "GET") return undefined;
  return { acl: "GetObjectAcl", attributes: "GetObjectAttributes" }[name];
}

function ofBucket(method: string, query: URLSearchParams): string | undefined {
  if (method === "GET") {
    if (query.has("uploads")) return "ListMultipartUploads";
    return query.get("list-type") === "2" ? "ListObjectsV2" : "ListObjects";
  }
  if (method === "POST") return query.has("delete") ? "DeleteObjects" : "PostObject";
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
export async function perform(operation: string, request: S3Request, world: World): Promise<S3Answer> {
  const { bucket: name, key } = request.target;
  if (!WITH_BODY.has(operation)) {
    const busy = request.body.nothing();
    if (busy !== undefined) await busy;
  }
  if (operation === "ListBuckets") return listBuckets(request, world.store, world.region);
  if (name === undefined)
    throw new S3Error("MethodNotAllowed", { Method: request.target.method, ResourceType: "SERVICE" });
  if (operation === "CreateBucket") {
    assertBucketName(name);
    return createBucket(request, world.store, name, world);
  }
  const onBucket = Object.hasOwn(BUCKET, operation) ? BUCKET[operation] : undefined;
  const onObject = Object.hasOwn(OBJECT, operation) ? OBJECT[operation] : undefined;
  if (onBucket === undefined && onObject === undefined) throw notKnown(request.target);
  const bucket = world.store.find(name) ?? (await missingBucket(name, world));
  if (onBucket !== undefined) return onBucket(request, bucket, world);
  assertKey(key ?? "");
  return (onObject as OfObject)(request, { store: world.store, bucket, key: key ?? "", now: world.now }, world);
}

/** @throws S3Error `NoSuchBucket`, unless buckets are created when they are first used. */
export function missingBucket(name: string, { store, createBuckets, now }: World): Promise<Bucket> {
  assertBucketName(name);
  if (!createBuckets) throw new S3Error("NoSuchBucket", { BucketName: name });
  return store.create(name, now());
}

function notKnown({ method, key }: Target): S3Error {
  if (/^(?:GET|HEAD|PUT|POST|DELETE)$/.test(method)) return new S3Error("NotImplemented");
  return new S3Error("MethodNotAllowed", { Method: method, ResourceType: key === undefined ? "BUCKET" : "OBJECT" });
}

/** A data folder may hold uploads that were begun by an earlier process, which counted like this one. */
function unusedId({ uploads }: Bucket, newId: () => string): string {
  let id = newId();
  while (uploads.has(id)) id = newId();
  return id;
}
