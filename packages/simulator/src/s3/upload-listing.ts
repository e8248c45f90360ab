/** What is under way: ListParts and ListMultipartUploads, page by page. */

import { compareKeys } from "./key-order.js";
import { encodingOf, group } from "./listing.js";
import { findUpload, MAX_PARTS } from "./multipart.js";
import type { Place } from "./objects.js";
import type { S3Answer, S3Request } from "./request.js";
import { type Bucket, OWNER, type Upload } from "./store.js";
import { document, type XmlFields } from "./xml.js";

const LARGEST_PAGE = 1000;

export function listParts(request: S3Request, place: Place): S3Answer {
  const upload = findUpload(request, place);
  const maxParts = Math.min(request.number("max-parts", 0, 2 ** 31 - 1) ?? LARGEST_PAGE, LARGEST_PAGE);
  const marker = request.number("part-number-marker", 0, MAX_PARTS) ?? 0;
  const rest = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > marker);
  const page = rest.slice(0, maxParts);
  const { algorithm, type, asked } = upload.checksum;
  return {
    status: 200,
    body: document("ListPartsResult", {
      Bucket: place.bucket.name,
      Key: upload.key,
      UploadId: upload.id,
      PartNumberMarker: marker,
      NextPartNumberMarker: page.at(-1)?.[0] ?? 0,
      MaxParts: maxParts,
      IsTruncated: page.length < rest.length,
      ...(asked ? { ChecksumAlgorithm: algorithm, ChecksumType: type } : {}),
      Part: page.map(([number, { etag, content, modifiedAt, checksum }]) => ({
        PartNumber: number,
        LastModified: new Date(modifiedAt).toISOString(),
        ETag: etag,
        Size: content.size,
        ...(asked && checksum ? { [`Checksum${checksum.algorithm}`]: checksum.value } : {}),
      })),
      Initiator: OWNER,
      Owner: OWNER,
      StorageClass: upload.headers["x-amz-storage-class"] ?? "STANDARD",
    }),
  };
}

export function listUploads(request: S3Request, bucket: Bucket): S3Answer {
  const encoded = encodingOf(request);
  const [prefix, delimiter] = [request.param("prefix") ?? "", request.param("delimiter") ?? ""];
  const [keyMarker, idMarker] = [request.param("key-marker") ?? "", request.param("upload-id-marker") ?? ""];
  const maxUploads = Math.min(request.number("max-uploads", 1, 2 ** 31 - 1) ?? LARGEST_PAGE, LARGEST_PAGE);
  const uploads: Upload[] = [];
  const prefixes: string[] = [];
  let isTruncated = false;
  for (const upload of [...bucket.uploads.values()].sort(byKeyAndAge)) {
    const { key, id } = upload;
    if (!key.startsWith(prefix)) continue;
    const common = group(key, prefix, delimiter);
    if (common !== undefined && (prefixes.at(-1) === common || keyMarker === common)) continue;
    const order = keyMarker === "" ? 1 : compareKeys(key, keyMarker);
    if (order < 0 || (order === 0 && (idMarker === "" || id <= idMarker))) continue;
    if (uploads.length + prefixes.length >= maxUploads) {
      isTruncated = true;
      break;
    }
    if (common === undefined) uploads.push(upload);
    else prefixes.push(common);
  }
  const last = uploads.at(-1);
  const next = later(last?.key, prefixes.at(-1));
  return {
    status: 200,
    body: document("ListMultipartUploadsResult", {
      Bucket: bucket.name,
      KeyMarker: encoded(keyMarker),
      UploadIdMarker: idMarker,
      NextKeyMarker: isTruncated ? encoded(next) : "",
      NextUploadIdMarker: isTruncated && last?.key === next ? last.id : "",
      Prefix: encoded(prefix),
      Delimiter: delimiter === "" ? undefined : encoded(delimiter),
      EncodingType: request.param("encoding-type"),
      MaxUploads: maxUploads,
      IsTruncated: isTruncated,
      Upload: uploads.map((upload): XmlFields => fieldsOf(upload, encoded)),
      CommonPrefixes: prefixes.map((common) => ({ Prefix: encoded(common) })),
    }),
  };
}

function fieldsOf({ key, id, startedAt, headers, checksum }: Upload, encoded: (text: string) => string): XmlFields {
  return {
    Key: encoded(key),
    UploadId: id,
    Initiator: OWNER,
    Owner: OWNER,
    StorageClass: headers["x-amz-storage-class"] ?? "STANDARD",
    Initiated: new Date(startedAt).toISOString(),
    ...(checksum.asked ? { ChecksumAlgorithm: checksum.algorithm, ChecksumType: checksum.type } : {}),
  };
}

function byKeyAndAge(a: Upload, b: Upload): number {
  return compareKeys(a.key, b.key) || (a.id < b.id ? -1 : 1);
}

function later(key: string | undefined, prefix: string | undefined): string {
  if (key === undefined || prefix === undefined) return key ?? prefix ?? "";
  return compareKeys(key, prefix) > 0 ? key : prefix;
}
