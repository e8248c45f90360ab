/**
 * Conditional requests: `If-Match` and its relatives.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
 */

import { S3Error } from "./errors.js";
import type { S3Request } from "./request.js";
import type { StoredObject } from "./store.js";

/** @throws S3Error `PreconditionFailed` or `NotModified`. */
export function assertReadable(request: S3Request, object: StoredObject): void {
  const ifMatch = request.header("if-match");
  const ifNoneMatch = request.header("if-none-match");
  // Instants travel in whole seconds.
  const modifiedAt = Math.floor(object.modifiedAt / 1000) * 1000;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, object)) throw new S3Error("PreconditionFailed", { Condition: "If-Match" });
  } else {
    const since = instantOf(request.header("if-unmodified-since"));
    if (since !== undefined && modifiedAt > since) {
      throw new S3Error("PreconditionFailed", { Condition: "If-Unmodified-Since" });
    }
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, object)) throw new S3Error("NotModified", { ETag: object.etag });
  } else {
    const since = instantOf(request.header("if-modified-since"));
    if (since !== undefined && modifiedAt <= since) throw new S3Error("NotModified", { ETag: object.etag });
  }
}

/** @throws S3Error `PreconditionFailed`, or `NoSuchKey` when what must match does not exist. */
export function assertWritable(request: S3Request, existing: StoredObject | undefined): void {
  const ifMatch = request.header("if-match");
  if (ifMatch !== undefined) {
    if (existing === undefined) throw new S3Error("NoSuchKey");
    if (!matches(ifMatch, existing)) throw new S3Error("PreconditionFailed", { Condition: "If-Match" });
  }
  const ifNoneMatch = request.header("if-none-match");
  if (ifNoneMatch !== undefined && ifNoneMatch !== "*")
    throw new S3Error("NotImplemented", { Header: "If-None-Match" });
  if (ifNoneMatch === "*" && existing !== undefined) {
    throw new S3Error("PreconditionFailed", { Condition: "If-None-Match" });
  }
}

/** @throws S3Error `PreconditionFailed` when another object is there than the one that is to go. */
export function assertDeletable(ifMatch: string | undefined, existing: StoredObject | undefined): void {
  if (ifMatch !== undefined && existing !== undefined && !matches(ifMatch, existing)) {
    throw new S3Error("PreconditionFailed", { Condition: "If-Match" });
  }
}

/** The conditions on the source of a copy, which are all answered in the same way. */
export function assertCopyable(request: S3Request, source: StoredObject): void {
  const condition = (name: string) => request.header(`x-amz-copy-source-if-${name}`);
  const modifiedAt = Math.floor(source.modifiedAt / 1000) * 1000;
  const failed = (name: string) => new S3Error("PreconditionFailed", { Condition: `x-amz-copy-source-If-${name}` });
  const [ifMatch, ifNoneMatch] = [condition("match"), condition("none-match")];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, source)) throw failed("Match");
  } else {
    const since = instantOf(condition("unmodified-since"));
    if (since !== undefined && modifiedAt > since) throw failed("Unmodified-Since");
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, source)) throw failed("None-Match");
  } else {
    const since = instantOf(condition("modified-since"));
    if (since !== undefined && modifiedAt <= since) throw failed("Modified-Since");
  }
}

function matches(header: string, { etag }: StoredObject): boolean {
  return header
    .split(",")
    .map((tag) => tag.trim().replace(/^W\//, ""))
    .some((tag) => tag === "*" || tag === etag || `"${tag}"` === etag);
}

function instantOf(header: string | undefined): number | undefined {
  const instant = header === undefined ? Number.NaN : Date.parse(header);
  return Number.isNaN(instant) ? undefined : instant;
}
