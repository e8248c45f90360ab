/** Operations on one object: put, get, head, delete, copy. */

import { type Checksum, type ChecksumAlgorithm, checksumAlgorithm, checksumHeader, checksumOf } from "./checksums.js";
import { assertReadable, assertWritable } from "./conditions.js";
import { S3Error } from "./errors.js";
import type { S3Answer, S3Request } from "./request.js";
import { decode } from "./signature.js";
import { type Bucket, etagOf, type Store, type StoredObject } from "./store.js";
import { document } from "./xml.js";

export function putObject(request: S3Request, bucket: Bucket, key: string, now: number): S3Answer {
  assertWritable(request, bucket.get(key));
  const { content, checksum } = request.payload;
  const object: StoredObject = {
    content,
    etag: etagOf(content),
    modifiedAt: now,
    headers: request.objectHeaders(),
    checksum,
  };
  bucket.put(key, object);
  return { status: 200, headers: { etag: object.etag, ...encryption, ...checksumHeaders(checksum) } };
}

export function getObject(request: S3Request, bucket: Bucket, key: string): S3Answer {
  const object = find(bucket, key);
  assertReadable(request, object);
  const size = object.content.length;
  const range = rangeOf(request.header("range"), size);
  const headers = { ...objectHeaders(object), ...overrides(request) };
  if (range === undefined) {
    const checksum = request.header("x-amz-checksum-mode") === "ENABLED" ? object.checksum : undefined;
    return { status: 200, headers: { ...headers, ...checksumHeaders(checksum) }, body: object.content };
  }
  const [first, last] = range;
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${first}-${last}/${size}` },
    body: object.content.subarray(first, last + 1),
  };
}

export function headObject(request: S3Request, bucket: Bucket, key: string): S3Answer {
  const { body, ...answer } = getObject(request, bucket, key);
  return { ...answer, contentLength: (body as Buffer).length };
}

export function deleteObject(bucket: Bucket, key: string): S3Answer {
  bucket.delete(key);
  return { status: 204 };
}

export function copyObject(request: S3Request, store: Store, bucket: Bucket, key: string, now: number): S3Answer {
  const source = copySource(request, store);
  assertWritable(request, bucket.get(key));
  const replaced = request.header("x-amz-metadata-directive") === "REPLACE";
  if (source === bucket.get(key) && !replaced) throw new S3Error("InvalidRequest", { message: COPY_OF_ITSELF });
  const algorithm = checksumAlgorithm(request.header("x-amz-checksum-algorithm")) ?? source.checksum?.algorithm;
  const object: StoredObject = {
    ...source,
    // Whole again, of however many parts the source was made: its etag and checksum are not those of parts.
    etag: etagOf(source.content),
    modifiedAt: now,
    headers: replaced ? request.objectHeaders() : source.headers,
    checksum: algorithm === undefined ? undefined : wholeChecksum(algorithm, source.content),
  };
  bucket.put(key, object);
  return {
    status: 200,
    headers: encryption,
    body: document("CopyObjectResult", {
      ETag: object.etag,
      LastModified: new Date(now).toISOString(),
      ...checksumFields(object.checksum),
    }),
  };
}

const COPY_OF_ITSELF =
  "This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
  "metadata, storage class, website redirect location or encryption attributes.";

/** The object that `x-amz-copy-source` names, on the conditions that come with it. */
export function copySource(request: S3Request, store: Store): StoredObject {
  const header = request.header("x-amz-copy-source") ?? "";
  const [path = ""] = header.split("?");
  const [, bucketName, key] = /^\/?([^/]+)\/(.+)$/.exec(decode(path)) ?? [];
  if (bucketName === undefined || key === undefined) {
    throw new S3Error("InvalidArgument", {
      message: "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      ArgumentName: "x-amz-copy-source",
      ArgumentValue: header,
    });
  }
  const bucket = store.find(bucketName);
  if (bucket === undefined) throw new S3Error("NoSuchBucket", { BucketName: bucketName });
  const source = find(bucket, key);
  const ifMatch = request.header("x-amz-copy-source-if-match");
  const ifNoneMatch = request.header("x-amz-copy-source-if-none-match");
  if ((ifMatch !== undefined && ifMatch !== source.etag) || ifNoneMatch === source.etag) {
    throw new S3Error("PreconditionFailed");
  }
  return source;
}

export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [checksumHeader(checksum.algorithm)]: checksum.value, "x-amz-checksum-type": checksum.type };
}

/** The same in the body of an answer. */
export function checksumFields(checksum: Checksum | undefined): Record<string, string> {
  return checksum === undefined
    ? {}
    : { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}

/** S3 encrypts everything since 2023, and says so. */
export const encryption = { "x-amz-server-side-encryption": "AES256" } as const;

function find(bucket: Bucket, key: string): StoredObject {
  const object = bucket.get(key);
  if (object === undefined) throw new S3Error("NoSuchKey", { Key: key });
  return object;
}

function objectHeaders({ headers, etag, modifiedAt }: StoredObject): Record<string, string> {
  return {
    ...headers,
    ...encryption,
    etag,
    "last-modified": new Date(modifiedAt).toUTCString(),
    "accept-ranges": "bytes",
  };
}

/** A GET may ask for other headers than those that were stored. */
function overrides(request: S3Request): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of OVERRIDABLE) {
    const value = request.param(`response-${name}`);
    if (value === undefined) continue;
    if (!HEADER_VALUE.test(value)) {
      throw new S3Error("InvalidArgument", {
        message: "Header value cannot be represented using ISO-8859-1.",
        ArgumentName: `response-${name}`,
        ArgumentValue: value,
      });
    }
    headers[name] = value;
  }
  return headers;
}

/** What can stand in a header at all: visible Latin-1, spaces and tabs. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

const OVERRIDABLE = [
  "cache-control",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-type",
  "expires",
] as const;

/** First and last byte; undefined for the whole, also when the header is none that S3 knows (several ranges, say). */
function rangeOf(header: string | undefined, size: number): readonly [first: number, last: number] | undefined {
  const parts = /^bytes=(\d*)-(\d*)$/.exec(header ?? "");
  if (parts === null || (parts[1] === "" && parts[2] === "")) return undefined;
  const [, from = "", to = ""] = parts;
  const first = from === "" ? Math.max(0, size - Number(to)) : Number(from);
  const last = from === "" || to === "" ? size - 1 : Math.min(Number(to), size - 1);
  if (from !== "" && to !== "" && Number(to) < Number(from)) return undefined;
  if (first >= size || (from === "" && Number(to) === 0)) {
    throw new S3Error("InvalidRange", { RangeRequested: header, ActualObjectSize: String(size) });
  }
  return [first, last];
}

export function wholeChecksum(algorithm: ChecksumAlgorithm, content: Buffer): Checksum {
  return { algorithm, value: checksumOf(algorithm, content), type: "FULL_OBJECT" };
}
