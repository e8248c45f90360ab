/**
 * ListObjects, versions 1 and 2: keys by prefix, grouped by delimiter, page by page.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 */

import { S3Error } from "./errors.js";
import { compareKeys, type SortedKeys } from "./key-order.js";
import type { S3Answer, S3Request } from "./request.js";
import { encode } from "./signature.js";
import { type Bucket, OWNER } from "./store.js";
import { document, type XmlFields } from "./xml.js";

const LARGEST_PAGE = 1000;

interface Page {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  /** The last key or prefix on this page, when there are more. */
  readonly next: string | undefined;
}

interface Selection {
  readonly prefix: string;
  readonly delimiter: string;
  /** Only what comes behind this. */
  readonly after: string;
  readonly maxKeys: number;
}

export function listObjectsV2(request: S3Request, bucket: Bucket): S3Answer {
  const token = request.param("continuation-token");
  const startAfter = request.param("start-after");
  const selection = selectionOf(request, token === undefined ? (startAfter ?? "") : fromToken(token));
  const page = select(bucket.keys, selection);
  const encoded = encodingOf(request);
  return {
    status: 200,
    body: document("ListBucketResult", {
      ...commonFields(request, bucket, selection, page),
      KeyCount: page.keys.length + page.prefixes.length,
      ContinuationToken: token,
      NextContinuationToken: page.next === undefined ? undefined : toToken(page.next),
      StartAfter: startAfter === undefined ? undefined : encoded(startAfter),
    }),
  };
}

export function listObjectsV1(request: S3Request, bucket: Bucket): S3Answer {
  const marker = request.param("marker") ?? "";
  const selection = selectionOf(request, marker);
  const page = select(bucket.keys, selection);
  const encoded = encodingOf(request);
  return {
    status: 200,
    body: document("ListBucketResult", {
      ...commonFields(request, bucket, selection, page),
      Marker: encoded(marker),
      // Version 1 names the next marker only where it could not be guessed from the last key.
      NextMarker: page.next === undefined || selection.delimiter === "" ? undefined : encoded(page.next),
    }),
  };
}

function selectionOf(request: S3Request, after: string): Selection {
  return {
    prefix: request.param("prefix") ?? "",
    delimiter: request.param("delimiter") ?? "",
    after,
    maxKeys: Math.min(request.number("max-keys", 0, 2 ** 31 - 1) ?? LARGEST_PAGE, LARGEST_PAGE),
  };
}

function commonFields(request: S3Request, bucket: Bucket, selection: Selection, page: Page): XmlFields {
  const { prefix, delimiter, maxKeys } = selection;
  const encoded = encodingOf(request);
  // Version 1 always tells it, version 2 when asked.
  const tellsOwner = request.param("list-type") !== "2" || request.param("fetch-owner") === "true";
  const owner = tellsOwner ? { Owner: OWNER } : {};
  return {
    Name: bucket.name,
    Prefix: encoded(prefix),
    Delimiter: delimiter === "" ? undefined : encoded(delimiter),
    MaxKeys: maxKeys,
    EncodingType: request.param("encoding-type"),
    IsTruncated: page.next !== undefined,
    Contents: page.keys.map((key) => ({ ...contentsOf(bucket, key, encoded), ...owner })),
    CommonPrefixes: page.prefixes.map((common) => ({ Prefix: encoded(common) })),
  };
}

function contentsOf(bucket: Bucket, key: string, encoded: (text: string) => string): XmlFields {
  const object = bucket.get(key);
  return {
    Key: encoded(key),
    LastModified: new Date(object?.modifiedAt ?? 0).toISOString(),
    ETag: object?.etag,
    ChecksumAlgorithm: object?.checksum?.algorithm,
    ChecksumType: object?.checksum?.type,
    Size: object?.content.size,
    StorageClass: object?.headers["x-amz-storage-class"] ?? "STANDARD",
  };
}

function select(sorted: SortedKeys, { prefix, delimiter, after, maxKeys }: Selection): Page {
  const keys: string[] = [];
  const prefixes: string[] = [];
  if (maxKeys === 0) return { keys, prefixes, next: undefined };
  const all = sorted.all();
  let last: string | undefined;
  let at = sorted.indexOf(compareKeys(prefix, after) > 0 ? prefix : after);
  for (; at < all.length; at++) {
    const key = all[at] as string;
    if (!key.startsWith(prefix)) break;
    const common = group(key, prefix, delimiter);
    const entry = common ?? key;
    if (entry === last || (after !== "" && compareKeys(entry, after) <= 0)) continue;
    if (common !== undefined && after.startsWith(common)) continue;
    if (keys.length + prefixes.length >= maxKeys) return { keys, prefixes, next: last };
    (common === undefined ? keys : prefixes).push(entry);
    last = entry;
  }
  return { keys, prefixes, next: undefined };
}

/** What a key has in common with others up to the delimiter: they are listed as one. */
export function group(key: string, prefix: string, delimiter: string): string | undefined {
  const cut = delimiter === "" ? -1 : key.indexOf(delimiter, prefix.length);
  return cut < 0 ? undefined : key.slice(0, cut + delimiter.length);
}

/** How keys are written in an answer: encoded when the request says so. */
export function encodingOf(request: S3Request): (text: string) => string {
  const type = request.param("encoding-type");
  if (type === undefined) return (text) => text;
  if (type !== "url") throw new S3Error("InvalidArgument", { message: "Invalid Encoding Method specified in Request" });
  // The slash stays, for the eye.
  return (text) => encode(text).replaceAll("%2F", "/");
}

function toToken(last: string): string {
  return Buffer.from(last).toString("base64url");
}

function fromToken(token: string): string {
  const last = Buffer.from(token, "base64url").toString();
  if (toToken(last) === token) return last;
  throw new S3Error("InvalidArgument", { message: "The continuation token provided is incorrect" });
}
