/** Copying: of an object, and of a range of one into a part. Bytes are shared, not moved. */

import { createHash } from "node:crypto";
import { type Checksum, type ChecksumAlgorithm, checksumAlgorithm, checksumFields, newDigest } from "./checksums.js";
import { assertCopyable, assertWritable } from "./conditions.js";
import { Content, type Stage } from "./content.js";
import { assertStorable, headersOf, tagsOf } from "./description.js";
import { S3Error } from "./errors.js";
import { encryption, find, type Place } from "./objects.js";
import type { S3Answer, S3Request } from "./request.js";
import { decode } from "./signature.js";
import type { Description, Store, StoredObject } from "./store.js";
import { document } from "./xml.js";

const LARGEST_COPY_BYTES = 5 * (1 << 30);

/** What a copy has of its own, whatever is said about the rest. */
const NEVER_COPIED = ["x-amz-storage-class", "x-amz-website-redirect-location"] as const;

/** Without one of these, or other metadata, nothing would change by copying an object onto itself. */
const CHANGES_OF_ITSELF = [...NEVER_COPIED, "x-amz-server-side-encryption"] as const;

export async function copyObject(request: S3Request, { store, bucket, key, now }: Place): Promise<S3Answer> {
  const source = copySource(request, store);
  assertWritable(request, bucket.get(key));
  assertStorable(request);
  const changed =
    directive(request, "metadata") || CHANGES_OF_ITSELF.some((name) => request.header(name) !== undefined);
  if (source === bucket.get(key) && !changed) throw new S3Error("InvalidRequest", { message: COPY_OF_ITSELF });
  const algorithm = checksumAlgorithm(request.header("x-amz-checksum-algorithm")) ?? source.checksum?.algorithm;
  source.content.retain();
  let object: StoredObject;
  try {
    const isAlike = source.parts === undefined && algorithm === source.checksum?.algorithm;
    object = {
      ...copiedDescription(request, source),
      content: source.content,
      // Whole again, of however many parts the source was made: its etag and checksum are not those of parts.
      ...(isAlike ? { etag: source.etag, checksum: source.checksum } : await sums(source.content, algorithm)),
      modifiedAt: now(),
      parts: undefined,
    };
    await bucket.put(key, object, (existing) => assertWritable(request, existing));
  } catch (error) {
    source.content.release();
    throw error;
  }
  return {
    status: 200,
    headers: encryption,
    body: document("CopyObjectResult", {
      ETag: object.etag,
      LastModified: new Date(object.modifiedAt).toISOString(),
      ...checksumFields(object.checksum),
    }),
  };
}

function copiedDescription(request: S3Request, source: StoredObject): Description {
  const own = headersOf(request);
  const headers: Record<string, string> = { ...source.headers };
  for (const name of NEVER_COPIED) {
    delete headers[name];
    if (own[name] !== undefined) headers[name] = own[name];
  }
  return {
    headers: directive(request, "metadata") ? own : headers,
    tags: directive(request, "tagging") ? tagsOf(request.header("x-amz-tagging")) : source.tags,
  };
}

/** Whether what the copy has is replaced. */
function directive(request: S3Request, of: "metadata" | "tagging"): boolean {
  const name = `x-amz-${of}-directive`;
  const value = request.header(name) ?? "COPY";
  if (value === "COPY" || value === "REPLACE") return value === "REPLACE";
  throw new S3Error("InvalidArgument", {
    message: `Unknown ${of} directive.`,
    ArgumentName: name,
    ArgumentValue: value,
  });
}

/** Etag and checksum of a content that is there already. */
async function sums(
  content: Content,
  algorithm: ChecksumAlgorithm | undefined,
): Promise<{ readonly etag: string; readonly checksum: Checksum | undefined }> {
  const md5 = createHash("md5");
  const digest = algorithm && newDigest(algorithm);
  for await (const chunk of content.stream()) {
    md5.update(chunk);
    digest?.update(chunk);
  }
  return {
    etag: `"${md5.digest("hex")}"`,
    checksum: algorithm && digest && { algorithm, value: digest.digest().toString("base64"), type: "FULL_OBJECT" },
  };
}

/** A range of a content, written once more: parts are pieces of their own. */
export async function copiedBytes(
  content: Content,
  [first, last]: readonly [number, number],
  stage: Stage,
  algorithm: ChecksumAlgorithm,
): Promise<{ readonly content: Content; readonly etag: string; readonly checksum: Checksum }> {
  const md5 = createHash("md5");
  const digest = newDigest(algorithm);
  try {
    for await (const chunk of content.stream(first, last + 1)) {
      md5.update(chunk);
      digest.update(chunk);
      await stage.write(chunk);
    }
    const piece = await stage.finish();
    return {
      content: new Content([piece]),
      etag: `"${md5.digest("hex")}"`,
      checksum: { algorithm, value: digest.digest().toString("base64"), type: "FULL_OBJECT" },
    };
  } catch (error) {
    stage.discard();
    throw error;
  }
}

const COPY_OF_ITSELF =
  "This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
  "metadata, storage class, website redirect location or encryption attributes.";

/** The object that `x-amz-copy-source` names, on the conditions that come with it. */
export function copySource(request: S3Request, store: Store): StoredObject {
  const header = request.header("x-amz-copy-source") ?? "";
  const [path = "", query = ""] = header.split("?");
  const [, bucketName, key] = /^\/?([^/]+)\/(.+)$/s.exec(decode(path)) ?? [];
  if (bucketName === undefined || key === undefined) {
    throw new S3Error("InvalidArgument", {
      message: "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      ArgumentName: "x-amz-copy-source",
      ArgumentValue: header,
    });
  }
  if (/^versionId=(?!null$)/.test(query)) throw new S3Error("NotImplemented", { Header: "versionId" });
  const bucket = store.find(bucketName);
  if (bucket === undefined) throw new S3Error("NoSuchBucket", { BucketName: bucketName });
  const source = find(bucket, key);
  assertCopyable(request, source);
  if (source.content.size > LARGEST_COPY_BYTES) {
    throw new S3Error("InvalidRequest", {
      message: `The specified copy source is larger than the maximum allowable size for a copy source: ${LARGEST_COPY_BYTES}`,
    });
  }
  return source;
}
