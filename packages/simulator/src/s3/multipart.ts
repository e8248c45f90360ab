/**
 * Multipart upload: create, upload parts, list them, complete or abort.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html for the limits
 */

import { type Checksum, checksumAlgorithm, compositeChecksum } from "./checksums.js";
import { assertWritable } from "./conditions.js";
import { S3Error } from "./errors.js";
import { checksumFields, checksumHeaders, copySource, encryption, wholeChecksum } from "./objects.js";
import type { S3Answer, S3Request } from "./request.js";
import { type Bucket, etagOf, multipartEtag, type Store, type StoredPart, type Upload } from "./store.js";
import { document, parseDocument, type XmlFields } from "./xml.js";

const MAX_PARTS = 10_000;

/** All parts but the last. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;

export function createUpload(request: S3Request, bucket: Bucket, key: string, id: string, now: number): S3Answer {
  const algorithm = checksumAlgorithm(request.header("x-amz-checksum-algorithm"));
  const type = request.header("x-amz-checksum-type");
  const checksumType: Checksum["type"] =
    type === "FULL_OBJECT" || (type === undefined && algorithm === "CRC64NVME") ? "FULL_OBJECT" : "COMPOSITE";
  bucket.uploads.set(id, {
    id,
    key,
    startedAt: now,
    headers: request.objectHeaders(),
    checksum: algorithm === undefined ? undefined : { algorithm, type: checksumType },
    parts: new Map(),
  });
  return {
    status: 200,
    headers: {
      ...encryption,
      ...(algorithm === undefined
        ? {}
        : { "x-amz-checksum-algorithm": algorithm, "x-amz-checksum-type": checksumType }),
    },
    body: document("InitiateMultipartUploadResult", { Bucket: bucket.name, Key: key, UploadId: id }),
  };
}

export function uploadPart(request: S3Request, bucket: Bucket, key: string, now: number): S3Answer {
  const upload = find(request, bucket, key);
  const { content, checksum } = request.payload;
  const part: StoredPart = { content, etag: etagOf(content), modifiedAt: now, checksum };
  upload.parts.set(partNumber(request), part);
  return { status: 200, headers: { etag: part.etag, ...encryption, ...checksumHeaders(checksum) } };
}

export function copyPart(request: S3Request, store: Store, bucket: Bucket, key: string, now: number): S3Answer {
  const upload = find(request, bucket, key);
  const source = copySource(request, store);
  const content = copiedRange(request, source.content);
  // Nobody sent a checksum along, so it is reckoned here, for that of the whole is made of those of the parts.
  const checksum = upload.checksum && wholeChecksum(upload.checksum.algorithm, content);
  const part: StoredPart = { content, etag: etagOf(content), modifiedAt: now, checksum };
  upload.parts.set(partNumber(request), part);
  return {
    status: 200,
    headers: encryption,
    body: document("CopyPartResult", {
      ETag: part.etag,
      LastModified: new Date(now).toISOString(),
      ...checksumFields(checksum),
    }),
  };
}

/** Unlike the range of a GET it must lie within the source, with both ends named. */
function copiedRange(request: S3Request, content: Buffer): Buffer {
  const header = request.header("x-amz-copy-source-range");
  if (header === undefined) return content;
  const [, first = Number.NaN, last = Number.NaN] = (/^bytes=(\d+)-(\d+)$/.exec(header) ?? []).map(Number);
  if (first <= last && last < content.length) return content.subarray(first, last + 1);
  throw new S3Error("InvalidArgument", {
    message: `Range specified is not valid for source object of size: ${content.length}`,
    ArgumentName: "x-amz-copy-source-range",
    ArgumentValue: header,
  });
}

export function listParts(request: S3Request, bucket: Bucket, key: string): S3Answer {
  const upload = find(request, bucket, key);
  const maxParts = request.number("max-parts", 0, 2 ** 31) ?? 1000;
  const marker = request.number("part-number-marker", 0, MAX_PARTS) ?? 0;
  const all = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > marker);
  const page = all.slice(0, Math.min(maxParts, 1000));
  const parts: XmlFields[] = page.map(([number, { etag, content, modifiedAt }]) => ({
    PartNumber: number,
    LastModified: new Date(modifiedAt).toISOString(),
    ETag: etag,
    Size: content.length,
  }));
  return {
    status: 200,
    body: document("ListPartsResult", {
      Bucket: bucket.name,
      Key: key,
      UploadId: upload.id,
      PartNumberMarker: marker,
      NextPartNumberMarker: page.at(-1)?.[0] ?? 0,
      MaxParts: maxParts,
      IsTruncated: page.length < all.length,
      Part: parts,
    }),
  };
}

export function listUploads(request: S3Request, bucket: Bucket): S3Answer {
  const prefix = request.param("prefix") ?? "";
  const uploads: XmlFields[] = [...bucket.uploads.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ key, id, startedAt }) => ({ Key: key, UploadId: id, Initiated: new Date(startedAt).toISOString() }));
  return {
    status: 200,
    body: document("ListMultipartUploadsResult", {
      Bucket: bucket.name,
      Prefix: prefix,
      MaxUploads: 1000,
      IsTruncated: false,
      Upload: uploads,
    }),
  };
}

export function abortUpload(request: S3Request, bucket: Bucket, key: string): S3Answer {
  bucket.uploads.delete(find(request, bucket, key).id);
  return { status: 204 };
}

export function completeUpload(request: S3Request, bucket: Bucket, key: string, now: number): S3Answer {
  const upload = find(request, bucket, key);
  assertWritable(request, bucket.get(key));
  const parts = chosenParts(request, upload);
  const content = Buffer.concat(parts.map((part) => part.content));
  const checksum = wholeOf(upload, parts, content);
  assertStated(request.payload.checksum, content);
  const etag = multipartEtag(parts);
  bucket.put(key, { content, etag, modifiedAt: now, headers: upload.headers, checksum });
  bucket.uploads.delete(upload.id);
  return {
    status: 200,
    headers: encryption,
    body: document("CompleteMultipartUploadResult", {
      Location: `/${bucket.name}/${key}`,
      Bucket: bucket.name,
      Key: key,
      ETag: etag,
      ...checksumFields(checksum),
    }),
  };
}

/** The parts that the request lists, which must be those that were uploaded. */
function chosenParts(request: S3Request, upload: Upload): StoredPart[] {
  const listed = parseDocument(request.payload.content.toString(), "CompleteMultipartUpload")?.Part;
  if (!Array.isArray(listed) || listed.length === 0) throw new S3Error("MalformedXML");
  let previous = 0;
  const parts = listed.map((listing: Readonly<Record<string, unknown>>) => {
    const number = Number(textOf(listing, "PartNumber"));
    if (number <= previous) throw new S3Error("InvalidPartOrder");
    previous = number;
    const part = upload.parts.get(number);
    const etag = textOf(listing, "ETag").replace(/^"?([^"]*)"?$/, '"$1"');
    if (part === undefined || part.etag !== etag || !hasStatedChecksum(part, listing)) throw new S3Error("InvalidPart");
    return part;
  });
  const small = parts.slice(0, -1).find(({ content }) => content.length < SMALLEST_PART_BYTES);
  if (small !== undefined) {
    throw new S3Error("EntityTooSmall", {
      ProposedSize: String(small.content.length),
      MinSizeAllowed: String(SMALLEST_PART_BYTES),
    });
  }
  return parts;
}

function textOf(listing: Readonly<Record<string, unknown>>, name: string): string {
  const text = listing[name];
  if (typeof text !== "string") throw new S3Error("MalformedXML");
  return text.trim();
}

/** The list may repeat the parts' checksums: then they must be right. */
function hasStatedChecksum({ checksum }: StoredPart, listing: Readonly<Record<string, unknown>>): boolean {
  const stated = checksum && listing[`Checksum${checksum.algorithm}`];
  return stated === undefined || stated === checksum?.value;
}

/** The checksum of the whole, where one was asked for when the upload began. */
function wholeOf({ checksum }: Upload, parts: readonly StoredPart[], content: Buffer): Checksum | undefined {
  if (checksum === undefined) return undefined;
  const { algorithm, type } = checksum;
  if (type === "FULL_OBJECT") return wholeChecksum(algorithm, content);
  const values = parts.map((part) => (part.checksum?.algorithm === algorithm ? part.checksum.value : undefined));
  return values.every((value) => value !== undefined) ? compositeChecksum(algorithm, values) : undefined;
}

/** Who completes an upload may say what the whole must come to. */
function assertStated(stated: Checksum | undefined, content: Buffer): void {
  if (stated?.type !== "FULL_OBJECT" || wholeChecksum(stated.algorithm, content).value === stated.value) return;
  throw new S3Error("BadDigest", {
    message: `The ${stated.algorithm} you specified did not match the calculated checksum.`,
  });
}

function find(request: S3Request, bucket: Bucket, key: string): Upload {
  const id = request.param("uploadId") ?? "";
  const upload = bucket.uploads.get(id);
  if (upload === undefined || upload.key !== key) throw new S3Error("NoSuchUpload", { UploadId: id });
  return upload;
}

function partNumber(request: S3Request): number {
  const number = request.number("partNumber", 1, MAX_PARTS);
  if (number === undefined) throw new S3Error("InvalidArgument", { ArgumentName: "partNumber" });
  return number;
}
