/** Operations on one object: put, get, head, delete; its tags and attributes. */

import type { Received } from "./body.js";
import { checksumHeaders, DEFAULT_ALGORITHM } from "./checksums.js";
import { assertDeletable, assertReadable, assertWritable } from "./conditions.js";
import { Content } from "./content.js";
import { describedBy } from "./description.js";
import { S3Error } from "./errors.js";
import { rangeOf } from "./ranges.js";
import type { S3Answer, S3Request } from "./request.js";
import type { Bucket, Description, Store, StoredObject } from "./store.js";

/** S3 encrypts everything since 2023, and says so. */
export const encryption = { "x-amz-server-side-encryption": "AES256" } as const;

export interface Place {
  readonly store: Store;
  readonly bucket: Bucket;
  readonly key: string;
  /** The present, in epoch milliseconds. */
  readonly now: () => number;
}

export async function putObject(request: S3Request, place: Place): Promise<S3Answer> {
  const { store, bucket, key } = place;
  const description = describedBy(request);
  // Asked here so that a refusal can come before the body, and again when the body is here.
  assertWritable(request, bucket.get(key));
  const received = await request.body.content(store.stage(), DEFAULT_ALGORITHM, store.mostBodyBytes);
  const object = await storeReceived(request, place, received, description);
  return { status: 200, headers: { etag: object.etag, ...encryption, ...checksumHeaders(object.checksum) } };
}

/** Makes an object of what was received. */
async function storeReceived(
  request: S3Request,
  { bucket, key, now }: Place,
  { piece, etag, stated, checksum }: Received,
  description: Description,
): Promise<StoredObject> {
  // Its fields one by one, here and wherever each request passes: for what is spread V8 makes a new shape each time.
  const object: StoredObject = {
    headers: description.headers,
    tags: description.tags,
    content: new Content([piece]),
    etag,
    modifiedAt: now(),
    checksum: stated ?? checksum,
    parts: undefined,
  };
  try {
    await bucket.put(key, object, (existing) => assertWritable(request, existing));
  } catch (error) {
    piece.release();
    throw error;
  }
  return object;
}

export function getObject(request: S3Request, { bucket, key }: Place): S3Answer {
  const object = find(bucket, key);
  assertReadable(request, object);
  const { size } = object.content;
  const part = partOf(request, object);
  const range = part ?? rangeOf(request.header("range"), size);
  const headers = { ...objectHeaders(object), ...overrides(request), ...partsCount(part && object) };
  if (range === undefined) {
    const checksum = request.header("x-amz-checksum-mode")?.toUpperCase() === "ENABLED" ? object.checksum : undefined;
    const body = { content: object.content, from: 0, to: size };
    return { status: 200, headers: { ...headers, ...checksumHeaders(checksum) }, body };
  }
  const [first, last] = range;
  return {
    status: 206,
    headers: { ...headers, "content-range": `bytes ${first}-${last}/${size}` },
    body: { content: object.content, from: first, to: last + 1 },
  };
}

export async function deleteObject(request: S3Request, { bucket, key }: Place): Promise<S3Answer> {
  await bucket.delete(key, (existing) => assertDeletable(request.header("if-match"), existing));
  return { status: 204 };
}

/** @throws S3Error `NoSuchKey`. */
export function find(bucket: Bucket, key: string): StoredObject {
  const object = bucket.get(key);
  if (object === undefined) throw new S3Error("NoSuchKey", { Key: key });
  return object;
}

function objectHeaders({ headers, etag, modifiedAt, tags }: StoredObject): Record<string, string> {
  const tagCount = Object.keys(tags).length;
  return {
    ...headers,
    ...encryption,
    etag,
    "last-modified": new Date(modifiedAt).toUTCString(),
    "accept-ranges": "bytes",
    ...(tagCount === 0 ? {} : { "x-amz-tagging-count": String(tagCount) }),
  };
}

/** The range of the part that the request asks for by number. */
function partOf(request: S3Request, { content, parts }: StoredObject): readonly [number, number] | undefined {
  const number = request.number("partNumber", 1, 10_000);
  if (number === undefined) return undefined;
  if (request.header("range") !== undefined) {
    throw new S3Error("InvalidRequest", { message: "Cannot specify both Range header and partNumber query parameter" });
  }
  const sizes = parts?.map(({ size }) => size) ?? [content.size];
  const size = sizes[number - 1];
  if (size === undefined) {
    throw new S3Error("InvalidPartNumber", {
      PartNumberRequested: String(number),
      ActualPartCount: String(sizes.length),
    });
  }
  // Nothing has no first byte.
  if (content.size === 0) return undefined;
  const first = sizes.slice(0, number - 1).reduce((sum, before) => sum + before, 0);
  return [first, first + size - 1];
}

function partsCount(object: StoredObject | undefined): Record<string, string> {
  return object?.parts === undefined ? {} : { "x-amz-mp-parts-count": String(object.parts.length) };
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
