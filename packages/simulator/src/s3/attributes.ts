/** GetObjectAttributes: what is known of an object, without its bytes. */

import { S3Error } from "./errors.js";
import { find, type Place } from "./objects.js";
import type { S3Answer, S3Request } from "./request.js";
import type { StoredObject } from "./store.js";
import { document, type XmlFields } from "./xml.js";

const ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;

const HEADER = "x-amz-object-attributes";

export function getObjectAttributes(request: S3Request, { bucket, key }: Place): S3Answer {
  const object = find(bucket, key);
  const asked = (request.header(HEADER) ?? "").split(",").map((name) => name.trim());
  const unknown = asked.find((name) => !ATTRIBUTES.some((attribute) => attribute === name));
  if (unknown !== undefined) {
    throw new S3Error("InvalidArgument", {
      message: "Invalid attribute name specified.",
      ArgumentName: HEADER,
      ArgumentValue: unknown,
    });
  }
  const { checksum, etag, content, headers } = object;
  const all: Record<(typeof ATTRIBUTES)[number], XmlFields[string]> = {
    ETag: etag.slice(1, -1),
    Checksum: checksum && {
      [`Checksum${checksum.algorithm}`]: checksum.value.split("-")[0],
      ChecksumType: checksum.type,
    },
    ObjectParts: partsOf(request, object),
    StorageClass: headers["x-amz-storage-class"] ?? "STANDARD",
    ObjectSize: content.size,
  };
  const told = Object.fromEntries(ATTRIBUTES.filter((name) => asked.includes(name)).map((name) => [name, all[name]]));
  return {
    status: 200,
    headers: { "last-modified": new Date(object.modifiedAt).toUTCString() },
    body: document("GetObjectAttributesResponse", told),
  };
}

/** Each part is told only where each has a checksum of its own. */
function partsOf(request: S3Request, { parts, checksum }: StoredObject): XmlFields | undefined {
  if (parts === undefined) return undefined;
  const count = { PartsCount: parts.length };
  if (checksum?.type !== "COMPOSITE") return count;
  const marker = numberOf(request, "x-amz-part-number-marker", 0);
  const maxParts = Math.min(numberOf(request, "x-amz-max-parts", 1000), 1000);
  const rest = parts.filter(({ number }) => number > marker);
  const page = rest.slice(0, maxParts);
  return {
    ...count,
    PartNumberMarker: marker,
    NextPartNumberMarker: page.at(-1)?.number ?? 0,
    MaxParts: maxParts,
    IsTruncated: page.length < rest.length,
    Part: page.map((part) => ({
      PartNumber: part.number,
      Size: part.size,
      ...(part.checksum && { [`Checksum${part.checksum.algorithm}`]: part.checksum.value }),
    })),
  };
}

function numberOf(request: S3Request, header: string, otherwise: number): number {
  const text = request.header(header);
  if (text === undefined) return otherwise;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new S3Error("InvalidArgument", { ArgumentName: header, ArgumentValue: text });
}
