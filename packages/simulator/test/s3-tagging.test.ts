import { createHash } from "node:crypto";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectTaggingCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type ObjectAttributes,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  type Tag,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { ask, MIB, sdk, service } from "./s3-wire.js";

const Bucket = "reports";
const Key = "key";

const put = (s3: S3Client, more = {}) => s3.send(new PutObjectCommand({ Bucket, Key, Body: "content", ...more }));
const tag = (s3: S3Client, TagSet: Tag[]) => s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging: { TagSet } }));
const tagsOf = async (s3: S3Client, key = Key) =>
  (await s3.send(new GetObjectTaggingCommand({ Bucket, Key: key }))).TagSet;

describe("the tags of an object", () => {
  it("come with it, are read, replaced as a whole and removed", async () => {
    const s3 = sdk(await service());
    await put(s3, { Tagging: "team=payments&state=a%20b%2Bc" });

    expect(await tagsOf(s3)).toEqual([
      { Key: "team", Value: "payments" },
      { Key: "state", Value: "a b+c" },
    ]);
    await tag(s3, [{ Key: "größe", Value: "" }]);
    expect(await tagsOf(s3)).toEqual([{ Key: "größe", Value: "" }]);
    await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
    expect(await tagsOf(s3)).toEqual([]);
  });

  it("may be set to none", async () => {
    const s3 = sdk(await service());
    await put(s3, { Tagging: "team=payments" });

    await tag(s3, []);

    expect(await tagsOf(s3)).toEqual([]);
  });

  it("leave the object as it is: etag, age, metadata, content", async () => {
    const room = await service();
    const s3 = sdk(room);
    await put(s3, { Metadata: { owner: "billing" } });
    const before = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    await room.clock.advance(60_000);

    await tag(s3, [{ Key: "team", Value: "payments" }]);
    const after = await s3.send(new GetObjectCommand({ Bucket, Key }));

    expect(after).toMatchObject({ ETag: before.ETag, LastModified: before.LastModified, Metadata: before.Metadata });
    expect(after.TagCount).toBe(1);
    expect(await after.Body?.transformToString()).toBe("content");
  });

  it("are counted, not told, by a read, and not mentioned when there are none", async () => {
    const room = await service();
    await put(sdk(room));
    expect((await ask(room, { method: "GET", url: "/reports/key" })).headers).not.toHaveProperty("x-amz-tagging-count");

    await put(sdk(room), { Tagging: "a=1&b=2" });

    expect((await ask(room, { method: "GET", url: "/reports/key" })).headers["x-amz-tagging-count"]).toBe("2");
  });

  it("go when it is written anew", async () => {
    const s3 = sdk(await service());
    await put(s3, { Tagging: "team=payments" });

    await put(s3);

    expect(await tagsOf(s3)).toEqual([]);
  });

  it("come along in a copy unless it has its own", async () => {
    const s3 = sdk(await service());
    await put(s3, { Tagging: "team=payments" });
    const copy = (key: string, more = {}) =>
      s3.send(new CopyObjectCommand({ Bucket, Key: key, CopySource: `${Bucket}/${Key}`, ...more }));

    await copy("same");
    await copy("ignored", { Tagging: "team=sales" });
    await copy("own", { TaggingDirective: "REPLACE", Tagging: "team=sales" });
    await copy("none", { TaggingDirective: "REPLACE" });

    expect(await tagsOf(s3, "same")).toEqual([{ Key: "team", Value: "payments" }]);
    expect(await tagsOf(s3, "ignored")).toEqual([{ Key: "team", Value: "payments" }]);
    expect(await tagsOf(s3, "own")).toEqual([{ Key: "team", Value: "sales" }]);
    expect(await tagsOf(s3, "none")).toEqual([]);
  });

  it("come from the beginning of a multipart upload", async () => {
    const s3 = sdk(await service());
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, Tagging: "team=payments" }));
    const part = { Bucket, Key, UploadId, PartNumber: 1 };
    const { ETag } = await s3.send(new UploadPartCommand({ ...part, Body: "x" }));
    const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));

    expect(await tagsOf(s3)).toEqual([{ Key: "team", Value: "payments" }]);
  });

  it("belong to an object that exists", async () => {
    const s3 = sdk(await service());

    await expect(tagsOf(s3)).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(tag(s3, [])).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }))).rejects.toMatchObject({ name: "NoSuchKey" });
  });
});

describe("a tag", () => {
  const many = (count: number) => Array.from({ length: count }, (_, at): Tag => ({ Key: `k${at}`, Value: "v" }));
  it.each([
    ["is one of at most ten", many(10), many(11), "BadRequest", "Object tags cannot be greater than 10"],
    [
      "has a name of at most 128 characters",
      [{ Key: "k".repeat(128), Value: "" }],
      [{ Key: "k".repeat(129), Value: "" }],
      "InvalidTag",
      "The TagKey you have provided is invalid",
    ],
    [
      "has a value of at most 256 characters",
      [{ Key: "k", Value: "v".repeat(256) }],
      [{ Key: "k", Value: "v".repeat(257) }],
      "InvalidTag",
      "The TagValue you have provided is invalid",
    ],
    [
      "has a name of letters, digits, spaces and a few signs",
      [{ Key: "Aé9 _.:/=+-@", Value: "" }],
      [{ Key: "a&b", Value: "" }],
      "InvalidTag",
      "The TagKey you have provided is invalid",
    ],
    [
      "has a value of the same",
      [{ Key: "k", Value: "Aé9 _.:/=+-@" }],
      [{ Key: "k", Value: "a;b" }],
      "InvalidTag",
      "The TagValue you have provided is invalid",
    ],
    [
      "has a name that no other has",
      [
        { Key: "k", Value: "1" },
        { Key: "K", Value: "1" },
      ],
      [
        { Key: "k", Value: "1" },
        { Key: "k", Value: "2" },
      ],
      "InvalidTag",
      "Cannot provide multiple Tags with the same key",
    ],
  ])("%s", async (_, good, bad, name, message) => {
    const s3 = sdk(await service());
    await put(s3);

    await tag(s3, good);
    await expect(tag(s3, bad)).rejects.toMatchObject({ name, message, $metadata: { httpStatusCode: 400 } });

    expect(await tagsOf(s3)).toEqual(good);
  });

  it.each(["a=1&a=2", "=1", "a=%zz"])(
    "in a header that is not in the form of a query is refused: %s",
    async (header) => {
      const s3 = sdk(await service());

      await expect(put(s3, { Tagging: header })).rejects.toMatchObject({
        name: "InvalidArgument",
        message:
          "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      });
    },
  );

  it.each([
    "",
    "<Tagging/>",
    "<Tagging><TagSet>",
    "<Other><TagSet/></Other>",
    "<Tagging><TagSet><Tag><Key>k</Key></Tag></TagSet></Tagging>",
    "<Tagging><TagSet><Tag/></TagSet></Tagging>",
  ])("in a list that is none is refused: %j", async (body) => {
    const room = await service();
    await put(sdk(room));

    expect(await ask(room, { url: "/reports/key?tagging=", body })).toMatchObject({
      status: 400,
      code: "MalformedXML",
    });
  });
});

describe("the attributes of an object", () => {
  const attributes = (s3: S3Client, ObjectAttributes: ObjectAttributes[], more = {}) =>
    s3.send(new GetObjectAttributesCommand({ Bucket, Key, ObjectAttributes, ...more }));

  it("are those that are asked for", async () => {
    const s3 = sdk(await service());
    const ChecksumSHA256 = createHash("sha256").update("content").digest("base64");
    await put(s3, { ChecksumSHA256, StorageClass: "GLACIER_IR" });

    const { LastModified, $metadata, ...all } = await attributes(s3, [
      ...(["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const),
    ]);

    expect(LastModified).toBeInstanceOf(Date);
    expect(all).toEqual({
      // Here, and only here, without its quotes.
      ETag: createHash("md5").update("content").digest("hex"),
      Checksum: { ChecksumSHA256, ChecksumType: "FULL_OBJECT" },
      StorageClass: "GLACIER_IR",
      ObjectSize: 7,
    });
    const { LastModified: _, $metadata: __, ...size } = await attributes(s3, ["ObjectSize"]);
    expect(size).toEqual({ ObjectSize: 7 });
  });

  it("tell parts page by page where each has a checksum, and their number where it has none", async () => {
    const s3 = sdk(await service());
    const upload = async (more: object) => {
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }));
      const Parts = [];
      for (const [at, Body] of [Buffer.alloc(5 * MIB), Buffer.alloc(5 * MIB), Buffer.from("rest")].entries()) {
        const PartNumber = 2 * at + 1;
        const sent = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...more }));
        Parts.push({ PartNumber, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256 });
      }
      await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
      return Parts;
    };

    const parts = await upload({ ChecksumAlgorithm: "SHA256" });
    const first = (await attributes(s3, ["ObjectParts"], { MaxParts: 2 })).ObjectParts;
    const second = (await attributes(s3, ["ObjectParts"], { PartNumberMarker: first?.NextPartNumberMarker }))
      .ObjectParts;

    expect(first).toMatchObject({ TotalPartsCount: 3, IsTruncated: true, MaxParts: 2, NextPartNumberMarker: "3" });
    expect(second).toMatchObject({ TotalPartsCount: 3, IsTruncated: false, PartNumberMarker: "3" });
    expect([...(first?.Parts ?? []), ...(second?.Parts ?? [])]).toEqual(
      parts.map(({ PartNumber, ChecksumSHA256 }, at) => ({ PartNumber, ChecksumSHA256, Size: at < 2 ? 5 * MIB : 4 })),
    );

    await upload({ ChecksumAlgorithm: "CRC64NVME" });
    expect((await attributes(s3, ["ObjectParts"])).ObjectParts).toEqual({ TotalPartsCount: 3 });
  });

  it("are refused when there is no such attribute, number or object", async () => {
    const s3 = sdk(await service());
    await expect(attributes(s3, ["ETag"])).rejects.toMatchObject({ name: "NoSuchKey" });
    await put(s3);

    await expect(attributes(s3, ["Colour" as "ETag"])).rejects.toMatchObject({
      name: "InvalidArgument",
      message: "Invalid attribute name specified.",
    });
    await expect(attributes(s3, [])).rejects.toMatchObject({ name: "InvalidArgument" });
  });
});
