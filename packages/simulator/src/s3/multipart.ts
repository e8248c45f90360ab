/**
 * Multipart upload: create, upload or copy parts, complete or abort.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html for the limits
 */

import { createHash } from "node:crypto";
import {
  type Checksum,
  type ChecksumType,
  checksumAlgorithm,
  checksumFields,
  checksumHeaders,
  compositeChecksum,
  DEFAULT_ALGORITHM,
  joinedChecksum,
} from "./checksums.js";
import { assertWritable } from "./conditions.js";
import { Content } from "./content.js";
import { copiedBytes, copySource } from "./copies.js";
import { describedBy } from "./description.js";
import { S3Error } from "./errors.js";
import { encryption, type Place } from "./objects.js";
import { copiedRange } from "./ranges.js";
import type { S3Answer, S3Request } from "./request.js";
import type { StoredObject, StoredPart, Upload } from "./store.js";
import { document, list, parseDocument } from "./xml.js";

export const MAX_PARTS = 10_000;

/** All parts but the last. */
const SMALLEST_PART_BYTES = 5 * 1024 * 1024;

export async function createUpload(request: S3Request, { bucket, key, now }: Place, id: string): Promise<S3Answer> {
  const asked = checksumAlgorithm(request.header("x-amz-checksum-algorithm"));
  const algorithm = asked ?? DEFAULT_ALGORITHM;
  const type = checksumTypeOf(request.header("x-amz-checksum-type"), algorithm, asked !== undefined);
  const checksum = { algorithm, type, asked: asked !== undefined };
  await bucket.begin({ ...describedBy(request), id, key, startedAt: now(), checksum, parts: new Map() });
  return {
    status: 200,
    headers: {
      ...encryption,
      ...(asked === undefined ? {} : { "x-amz-checksum-algorithm": asked, "x-amz-checksum-type": type }),
    },
    body: document("InitiateMultipartUploadResult", { Bucket: bucket.name, Key: key, UploadId: id }),
  };
}

/** A CRC of the whole follows from those of the parts, a hash does not; for CRC-64 there is nothing but the whole. */
function checksumTypeOf(header: string | undefined, algorithm: string, asked: boolean): ChecksumType {
  const only = algorithm.startsWith("SHA") ? "COMPOSITE" : algorithm === "CRC64NVME" ? "FULL_OBJECT" : undefined;
  if (header === undefined) return only ?? "COMPOSITE";
  if (header !== "FULL_OBJECT" && header !== "COMPOSITE") {
    throw new S3Error("InvalidRequest", { message: "Value for x-amz-checksum-type header is invalid." });
  }
  if (!asked) {
    throw new S3Error("InvalidRequest", {
      message: "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
    });
  }
  if (only === undefined || only === header) return header;
  throw new S3Error("InvalidRequest", {
    message: `The ${header} checksum type cannot be used with the ${algorithm.toLowerCase()} checksum algorithm.`,
  });
}

export async function uploadPart(request: S3Request, { store, bucket, key, now }: Place): Promise<S3Answer> {
  const upload = findUpload(request, { bucket, key });
  const number = partNumber(request);
  const { algorithm, type, asked } = upload.checksum;
  const received = await request.body.content(store.stage(), algorithm, store.mostBodyBytes);
  const { stated, etag, piece } = received;
  const content = new Content([piece]);
  const isAsStated = stated === undefined ? type === "FULL_OBJECT" : !asked || stated.algorithm === algorithm;
  if (!isAsStated) {
    content.release();
    throw new S3Error("InvalidRequest", {
      message: `Checksum Type mismatch occurred, expected checksum Type: ${algorithm.toLowerCase()}, actual checksum Type: ${stated?.algorithm.toLowerCase() ?? "null"}`,
    });
  }
  await put(request, { bucket, key }, number, { content, etag, modifiedAt: now(), checksum: received.checksum });
  return { status: 200, headers: { etag, ...encryption, ...checksumHeaders(stated) } };
}

export async function copyPart(request: S3Request, { store, bucket, key, now }: Place): Promise<S3Answer> {
  const upload = findUpload(request, { bucket, key });
  const number = partNumber(request);
  const source = copySource(request, store).content;
  const range = copiedRange(request.header("x-amz-copy-source-range"), source.size);
  const part = { ...(await copiedBytes(source, range, store.stage(), upload.checksum.algorithm)), modifiedAt: now() };
  await put(request, { bucket, key }, number, part);
  return {
    status: 200,
    headers: encryption,
    body: document("CopyPartResult", {
      ETag: part.etag,
      LastModified: new Date(part.modifiedAt).toISOString(),
      ...(upload.checksum.asked ? { [`Checksum${part.checksum.algorithm}`]: part.checksum.value } : {}),
    }),
  };
}

/** The upload may have ended while the part came in. */
async function put(
  request: S3Request,
  place: Pick<Place, "bucket" | "key">,
  number: number,
  part: StoredPart,
): Promise<void> {
  try {
    const upload = findUpload(request, place);
    if (await place.bucket.putPart(upload, number, part)) return;
    throw new S3Error("NoSuchUpload", { UploadId: upload.id });
  } catch (error) {
    part.content.release();
    throw error;
  }
}

export async function abortUpload(request: S3Request, place: Place): Promise<S3Answer> {
  await place.bucket.end(findUpload(request, place));
  return { status: 204 };
}

export async function completeUpload(request: S3Request, { bucket, key, now }: Place): Promise<S3Answer> {
  findUpload(request, { bucket, key });
  const text = await request.body.document(true);
  const upload = findUpload(request, { bucket, key });
  const parts = chosenParts(text, upload);
  const checksum = wholeOf(upload, parts);
  const content = new Content(parts.flatMap(([, part]) => part.content.pieces));
  assertStated(request, upload, checksum, content.size);
  content.retain();
  const object: StoredObject = {
    headers: upload.headers,
    tags: upload.tags,
    content,
    etag: multipartEtag(parts),
    modifiedAt: now(),
    checksum,
    parts: parts.map(([number, part]) => ({ number, size: part.content.size, checksum: part.checksum })),
  };
  try {
    await bucket.put(key, object, (existing) => assertWritable(request, existing));
  } catch (error) {
    content.release();
    throw error;
  }
  await bucket.end(upload);
  return {
    status: 200,
    headers: encryption,
    body: document("CompleteMultipartUploadResult", {
      Location: `/${bucket.name}/${key}`,
      Bucket: bucket.name,
      Key: key,
      ETag: object.etag,
      ...checksumFields(checksum),
    }),
  };
}

type NumberedPart = readonly [number: number, part: StoredPart];

/** The parts that the request lists, which must be those that were uploaded. */
function chosenParts(text: string, upload: Upload): NumberedPart[] {
  const listed = list(parseDocument(text, "CompleteMultipartUpload") ?? {}, "Part");
  if (listed.length === 0) throw new S3Error("MalformedXML");
  let previous = 0;
  const parts = listed.map((listing): NumberedPart => {
    const number = Number(textOf(listing, "PartNumber"));
    if (!Number.isInteger(number)) throw new S3Error("MalformedXML");
    if (number < 1 || number > MAX_PARTS) throw wrongPartNumber(String(number));
    if (number <= previous) throw new S3Error("InvalidPartOrder", { UploadId: upload.id });
    previous = number;
    const part = upload.parts.get(number);
    const etag = textOf(listing, "ETag").replace(/^"?([^"]*)"?$/, '"$1"');
    if (part === undefined || part.etag !== etag || !hasStatedChecksum(upload, part, listing, number)) {
      throw new S3Error("InvalidPart", { UploadId: upload.id, PartNumber: String(number), ETag: etag.slice(1, -1) });
    }
    return [number, part];
  });
  const small = parts.slice(0, -1).find(([, { content }]) => content.size < SMALLEST_PART_BYTES);
  if (small !== undefined) {
    const [number, { content, etag }] = small;
    throw new S3Error("EntityTooSmall", {
      ProposedSize: String(content.size),
      MinSizeAllowed: String(SMALLEST_PART_BYTES),
      PartNumber: String(number),
      ETag: etag.slice(1, -1),
    });
  }
  return parts;
}

function textOf(listing: Readonly<Record<string, unknown>>, name: string): string {
  const text = listing[name];
  if (typeof text !== "string") throw new S3Error("MalformedXML");
  return text.trim();
}

/** The list repeats the parts' checksums, which must be right; it may leave them out where the whole has one of its own. */
function hasStatedChecksum(
  { checksum: { algorithm, type } }: Upload,
  { checksum }: StoredPart,
  listing: Readonly<Record<string, unknown>>,
  number: number,
): boolean {
  const stated = listing[`Checksum${algorithm}`];
  if (stated !== undefined) return stated === checksum?.value;
  if (type === "FULL_OBJECT") return true;
  throw new S3Error("InvalidRequest", {
    message: `The upload was created using a ${algorithm.toLowerCase()} checksum. The complete request must include the checksum for each part. It was missing for part ${number} in the request.`,
  });
}

function wholeOf({ checksum: { algorithm, type } }: Upload, parts: readonly NumberedPart[]): Checksum {
  const sums = parts.map(([, { checksum, content }]) => ({ value: checksum?.value ?? "", size: content.size }));
  if (type === "COMPOSITE" || algorithm === "SHA1" || algorithm === "SHA256") {
    return compositeChecksum(
      algorithm,
      sums.map(({ value }) => value),
    );
  }
  return joinedChecksum(algorithm, sums);
}

/** Who completes an upload may say what the whole must come to. */
function assertStated(request: S3Request, { checksum }: Upload, whole: Checksum, size: number): void {
  const type = request.header("x-amz-checksum-type");
  if (type !== undefined && type !== checksum.type) {
    throw new S3Error("InvalidRequest", {
      message: `The upload was created using the ${checksum.type} checksum mode. The complete request must use the same checksum mode.`,
    });
  }
  const stated = request.header(`x-amz-checksum-${whole.algorithm.toLowerCase()}`);
  if (stated !== undefined && stated !== whole.value && stated !== whole.value.split("-")[0]) {
    throw new S3Error("BadDigest", {
      message: `The ${whole.algorithm.toLowerCase()} you specified did not match the calculated checksum.`,
    });
  }
  const expected = request.header("x-amz-mp-object-size");
  if (expected !== undefined && Number(expected) !== size) {
    throw new S3Error("InvalidRequest", {
      message: `The provided 'x-amz-mp-object-size' header value ${expected} does not match what was computed: ${size}`,
    });
  }
}

/** The etag of an object of parts: the hash of the parts' hashes, and their number. */
function multipartEtag(parts: readonly NumberedPart[]): string {
  const hash = createHash("md5");
  for (const [, { etag }] of parts) hash.update(Buffer.from(etag.slice(1, -1), "hex"));
  return `"${hash.digest("hex")}-${parts.length}"`;
}

/** @throws S3Error `NoSuchUpload`. */
export function findUpload(request: S3Request, { bucket, key }: Pick<Place, "bucket" | "key">): Upload {
  const id = request.param("uploadId") ?? "";
  const upload = bucket.uploads.get(id);
  if (upload === undefined || upload.key !== key) throw new S3Error("NoSuchUpload", { UploadId: id });
  return upload;
}

function partNumber(request: S3Request): number {
  const text = request.param("partNumber") ?? "";
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MAX_PARTS) return number;
  throw wrongPartNumber(text);
}

function wrongPartNumber(text: string): S3Error {
  return new S3Error("InvalidArgument", {
    message: `Part number must be an integer between 1 and ${MAX_PARTS}, inclusive`,
    ArgumentName: "partNumber",
    ArgumentValue: text,
  });
}
