import { createHash } from "node:crypto";
import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { sdk, service } from "./s3-wire.js";

const Bucket = "reports";

const put = (s3: S3Client, Key: string, more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body: "content", ...more }));
const copy = (s3: S3Client, from: string, Key: string, more = {}) =>
  s3.send(new CopyObjectCommand({ Bucket, Key, CopySource: `${Bucket}/${from}`, ...more }));
const head = (s3: S3Client, Key: string) => s3.send(new HeadObjectCommand({ Bucket, Key }));
const read = async (s3: S3Client, Key: string, bucket = Bucket) =>
  (await s3.send(new GetObjectCommand({ Bucket: bucket, Key }))).Body?.transformToString();

describe("a copy", () => {
  it("lives on when its source is written anew", async () => {
    const s3 = sdk(await service());
    await put(s3, "source");
    await copy(s3, "source", "copy");

    await put(s3, "source", { Body: "another" });

    expect(await read(s3, "copy")).toBe("content");
  });

  it("may go to another bucket", async () => {
    const s3 = sdk(await service());
    await put(s3, "source");

    await copy(s3, "source", "copy", { Bucket: "archive" });

    expect(await read(s3, "copy", "archive")).toBe("content");
  });

  it("has the etag and checksum of its source, and an age of its own", async () => {
    const room = await service();
    const s3 = sdk(room);
    const { ETag, ChecksumCRC32 } = await put(s3, "source", { ChecksumAlgorithm: "CRC32" });
    await room.clock.advance(60_000);

    const { CopyObjectResult } = await copy(s3, "source", "copy");

    expect(CopyObjectResult).toMatchObject({ ETag, ChecksumCRC32, ChecksumType: "FULL_OBJECT" });
    expect(CopyObjectResult?.LastModified?.getTime()).toBe(room.clock.now());
  });

  it("may have a checksum of another kind", async () => {
    const s3 = sdk(await service());
    await put(s3, "source", { ChecksumAlgorithm: "CRC32" });

    const { CopyObjectResult } = await copy(s3, "source", "copy", { ChecksumAlgorithm: "SHA256" });

    expect(CopyObjectResult?.ChecksumSHA256).toBe(createHash("sha256").update("content").digest("base64"));
  });

  it("takes over metadata and headers, or has all of its own", async () => {
    const s3 = sdk(await service());
    await put(s3, "source", { Metadata: { owner: "billing" }, ContentType: "text/csv", CacheControl: "no-store" });

    await copy(s3, "source", "same", { Metadata: { owner: "ignored" }, ContentType: "text/ignored" });
    await copy(s3, "source", "own", { MetadataDirective: "REPLACE", Metadata: { team: "sales" } });

    expect(await head(s3, "same")).toMatchObject({
      Metadata: { owner: "billing" },
      ContentType: "text/csv",
      CacheControl: "no-store",
    });
    const own = await head(s3, "own");
    expect(own).toMatchObject({ Metadata: { team: "sales" }, ContentType: "binary/octet-stream" });
    expect(own.CacheControl).toBeUndefined();
  });

  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
  it("never takes over a storage class or a redirect", async () => {
    const s3 = sdk(await service());
    await put(s3, "source", { StorageClass: "STANDARD_IA", WebsiteRedirectLocation: "/elsewhere" });

    await copy(s3, "source", "plain");
    await copy(s3, "source", "own", { StorageClass: "GLACIER_IR", WebsiteRedirectLocation: "/there" });

    const plain = await head(s3, "plain");
    expect([plain.StorageClass, plain.WebsiteRedirectLocation]).toEqual([undefined, undefined]);
    expect(await head(s3, "own")).toMatchObject({ StorageClass: "GLACIER_IR", WebsiteRedirectLocation: "/there" });
  });

  it("onto itself must change something", async () => {
    const s3 = sdk(await service());
    await put(s3, "key", { Tagging: "a=1" });
    const onItself = (more: object) => copy(s3, "key", "key", more);
    const refused = { name: "InvalidRequest", message: expect.stringContaining("copy an object to itself") };

    await expect(onItself({})).rejects.toMatchObject(refused);
    await expect(onItself({ TaggingDirective: "REPLACE", Tagging: "a=2" })).rejects.toMatchObject(refused);
    await onItself({ MetadataDirective: "REPLACE", Metadata: { a: "b" } });
    await onItself({ StorageClass: "STANDARD_IA" });
    await onItself({ WebsiteRedirectLocation: "/elsewhere" });
    await onItself({ ServerSideEncryption: "AES256" });

    expect(await read(s3, "key")).toBe("content");
  });

  it("is made on conditions, which are those of its source and of what it replaces", async () => {
    const room = await service();
    const s3 = sdk(room);
    const { ETag } = await put(s3, "source");
    await put(s3, "there");
    const [before, after] = [new Date(room.clock.now() - 60_000), new Date(room.clock.now() + 60_000)];
    const failed = { name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } };

    for (const more of [
      { CopySourceIfMatch: '"other"' },
      { CopySourceIfNoneMatch: ETag },
      { CopySourceIfModifiedSince: after },
      { CopySourceIfUnmodifiedSince: before },
    ]) {
      await expect(copy(s3, "source", "copy", more)).rejects.toMatchObject(failed);
    }
    await expect(copy(s3, "source", "there", { IfNoneMatch: "*" })).rejects.toMatchObject(failed);
    await expect(head(s3, "copy")).rejects.toMatchObject({ name: "NotFound" });
    await copy(s3, "source", "copy", { CopySourceIfMatch: ETag, CopySourceIfUnmodifiedSince: before });
  });

  it.each([
    ["an unknown metadata directive", { MetadataDirective: "MOVE" }, "InvalidArgument", "Unknown metadata directive."],
    ["an unknown tagging directive", { TaggingDirective: "MERGE" }, "InvalidArgument", "Unknown tagging directive."],
    ["an unknown storage class", { StorageClass: "ATTIC" }, "InvalidStorageClass", /storage class/],
    ["an access control list", { ACL: "public-read" }, "AccessControlListNotSupported", /does not allow ACLs/],
    ["a version", { CopySource: "reports/source?versionId=1" }, "NotImplemented", /not implemented/],
    ["no source that could be", { CopySource: "%zz" }, "InvalidURI", /parse the specified URI/],
  ])("is refused with %s", async (_, more, name, message) => {
    const s3 = sdk(await service());
    await put(s3, "source");

    await expect(copy(s3, "source", "copy", more)).rejects.toMatchObject({
      name,
      message: expect.stringMatching(message),
    });
  });
});
