/**
 * What is said about an object when it is written: system headers, user metadata, tags.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
 */

import { S3Error } from "./errors.js";
import type { S3Request } from "./request.js";
import type { Description, Tags } from "./store.js";

const KEPT_HEADERS: ReadonlySet<string> = new Set([
  "cache-control",
  "content-disposition",
  "content-language",
  "content-type",
  "expires",
  "x-amz-storage-class",
  "x-amz-website-redirect-location",
]);

const USER_METADATA = "x-amz-meta-";

/** Names and values of the user's metadata together. */
const MOST_METADATA_BYTES = 2048;

const MOST_TAGS = 10;
const TAG = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

const STORAGE_CLASSES =
  /^(?:STANDARD|REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER|DEEP_ARCHIVE|GLACIER_IR)$/;

/** @throws S3Error for what cannot be kept. */
export function describedBy(request: S3Request): Description {
  assertStorable(request);
  return { headers: headersOf(request), tags: tagsOf(request.header("x-amz-tagging")) };
}

/**
 * The headers that are kept with an object and given back with it.
 * @throws S3Error for too much metadata.
 */
export function headersOf(request: S3Request): Record<string, string> {
  const kept: Record<string, string> = {};
  let size = 0;
  for (const name of request.headerNames()) {
    const isMetadata = name.startsWith(USER_METADATA);
    if (!isMetadata && !KEPT_HEADERS.has(name)) continue;
    const value = request.header(name) ?? "";
    if (isMetadata) size += name.length - USER_METADATA.length + Buffer.byteLength(value, "latin1");
    kept[name] = value;
  }
  if (size > MOST_METADATA_BYTES) {
    throw new S3Error("MetadataTooLarge", { Size: String(size), MaxSizeAllowed: String(MOST_METADATA_BYTES) });
  }
  const encoding = contentEncoding(request.header("content-encoding"));
  if (encoding !== undefined) kept["content-encoding"] = encoding;
  kept["content-type"] ??= "binary/octet-stream";
  // Of the usual class nothing is said.
  if (kept["x-amz-storage-class"] === "STANDARD") delete kept["x-amz-storage-class"];
  return kept;
}

/** @throws S3Error for what this simulator would otherwise have to pass over in silence. */
export function assertStorable(request: S3Request): void {
  const storageClass = request.header("x-amz-storage-class");
  if (storageClass !== undefined && !STORAGE_CLASSES.test(storageClass)) {
    throw new S3Error("InvalidStorageClass", { StorageClassRequested: storageClass });
  }
  assertAcl(request);
  const encryption = request.header("x-amz-server-side-encryption");
  if (encryption !== undefined && encryption !== "AES256") {
    throw new S3Error("NotImplemented", { Header: "x-amz-server-side-encryption" });
  }
  for (const name of request.headerNames()) {
    if (name.startsWith("x-amz-server-side-encryption-customer") || name.startsWith("x-amz-object-lock")) {
      throw new S3Error("NotImplemented", { Header: name });
    }
  }
}

/** @throws S3Error: buckets have no access control lists since April 2023, unless their owner wants it otherwise. */
export function assertAcl(request: S3Request): void {
  const acl = request.header("x-amz-acl");
  if (acl !== undefined && acl !== "private" && acl !== "bucket-owner-full-control") {
    throw new S3Error("AccessControlListNotSupported");
  }
}

/**
 * Tags in the form of a query, as the header gives them.
 * @throws S3Error for what cannot be a tag.
 */
export function tagsOf(header: string | undefined): Tags {
  if (header === undefined) return {};
  const pairs = [...new URLSearchParams(header)];
  const isQuery = !/%(?![0-9a-f]{2})/i.test(header) && pairs.every(([name]) => name !== "");
  if (!isQuery || new Set(pairs.map(([name]) => name)).size < pairs.length) {
    throw new S3Error("InvalidArgument", {
      message:
        "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      ArgumentName: "x-amz-tagging",
      ArgumentValue: header,
    });
  }
  return checkedTags(pairs);
}

/** @throws S3Error for too many tags, or one that cannot be. */
export function checkedTags(pairs: readonly (readonly [name: string, value: string])[]): Tags {
  if (pairs.length > MOST_TAGS) {
    throw new S3Error("BadRequest", { message: `Object tags cannot be greater than ${MOST_TAGS}` });
  }
  const tags: Record<string, string> = Object.create(null);
  for (const [name, value] of pairs) {
    if (name === "" || name.length > 128 || !TAG.test(name) || name.startsWith("aws:")) {
      throw new S3Error("InvalidTag", { TagKey: name });
    }
    if (value.length > 256 || !TAG.test(value)) {
      throw new S3Error("InvalidTag", { message: "The TagValue you have provided is invalid", TagValue: value });
    }
    if (name in tags) {
      throw new S3Error("InvalidTag", { message: "Cannot provide multiple Tags with the same key", TagKey: name });
    }
    tags[name] = value;
  }
  return tags;
}

/** `aws-chunked` is how the body travelled, not what it is. */
function contentEncoding(header: string | undefined): string | undefined {
  const encodings = (header ?? "")
    .split(",")
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "aws-chunked");
  return encodings.length === 0 ? undefined : encodings.join(",");
}
