import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  paginateListParts,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { MIB, sdk, service } from "./s3-wire.js";

const Bucket = "reports";

const begin = async (s3: S3Client, Key = "key", more = {}) =>
  (await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...more }))).UploadId ?? "";
const part = (s3: S3Client, UploadId: string, PartNumber: number, Body: string | Buffer, more = {}) =>
  s3.send(new UploadPartCommand({ Bucket, Key: "key", UploadId, PartNumber, Body, ...more }));
const complete = (s3: S3Client, UploadId: string, Parts: object[], more = {}) =>
  s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: "key", UploadId, MultipartUpload: { Parts }, ...more }));

describe("the uploads under way", () => {
  /** Every page, as a client follows the markers. */
  async function pages(s3: S3Client, more: { MaxUploads: number; Prefix?: string; Delimiter?: string }) {
    const all = [];
    for (let markers = {}; ; ) {
      const page = await s3.send(new ListMultipartUploadsCommand({ Bucket, ...more, ...markers }));
      all.push(page);
      if (page.IsTruncated !== true || all.length > 20) return all;
      markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  it("are listed page by page, by key and then by age", async () => {
    const s3 = sdk(await service());
    const ids: string[] = [];
    for (const key of ["b", "a", "b", "c", "b"]) ids.push(await begin(s3, key));

    const listed = await pages(s3, { MaxUploads: 2 });

    expect(listed.map(({ Uploads = [] }) => Uploads.length)).toEqual([2, 2, 1]);
    expect(listed.flatMap(({ Uploads = [] }) => Uploads.map(({ Key, UploadId }) => [Key, UploadId]))).toEqual([
      ["a", ids[1]],
      ["b", ids[0]],
      ["b", ids[2]],
      ["b", ids[4]],
      ["c", ids[3]],
    ]);
  });

  it("are grouped by a delimiter, also over the ends of pages", async () => {
    const s3 = sdk(await service());
    for (const key of ["2025/1", "2025/2", "2026/1", "index", "2026/2", "2025/1"]) await begin(s3, key);

    const listed = await pages(s3, { MaxUploads: 1, Delimiter: "/" });
    const entries = listed.flatMap(({ CommonPrefixes = [], Uploads = [] }) => [
      ...CommonPrefixes.map(({ Prefix }) => Prefix),
      ...Uploads.map(({ Key }) => Key),
    ]);

    expect(entries).toEqual(["2025/", "2026/", "index"]);
    const inside = await pages(s3, { MaxUploads: 2, Prefix: "2025/", Delimiter: "/" });
    expect(inside.flatMap(({ Uploads = [] }) => Uploads.map(({ Key }) => Key))).toEqual(["2025/1", "2025/1", "2025/2"]);
  });

  it("tell what they were begun with", async () => {
    const room = await service();
    const s3 = sdk(room);
    await begin(s3, "ä key", { StorageClass: "STANDARD_IA", ChecksumAlgorithm: "SHA256" });

    const { Uploads } = await s3.send(new ListMultipartUploadsCommand({ Bucket, EncodingType: "url" }));

    expect(Uploads).toMatchObject([
      {
        ...{ Key: "%C3%A4%20key", StorageClass: "STANDARD_IA", ChecksumAlgorithm: "SHA256", ChecksumType: "COMPOSITE" },
        Initiated: new Date(room.clock.now()),
      },
    ]);
  });

  it("are several for one key, each with its own parts; what is aborted leaves nothing", async () => {
    const s3 = sdk(await service());
    const [one, two] = [await begin(s3), await begin(s3)];
    await part(s3, one, 1, "one");
    const { ETag } = await part(s3, two, 1, "two");

    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "key", UploadId: one }));
    await complete(s3, two, [{ PartNumber: 1, ETag }]);

    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: "key" }));
    expect(await Body?.transformToString()).toBe("two");
    for (const UploadId of [one, two]) {
      await expect(s3.send(new ListPartsCommand({ Bucket, Key: "key", UploadId }))).rejects.toMatchObject({
        name: "NoSuchUpload",
      });
    }
  });
});

describe("the parts of an upload", () => {
  it("are listed page by page, in order, however they came", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    for (const number of [10_000, 2, 7, 1, 30]) await part(s3, UploadId, number, `part ${number}`);
    const sizes: number[] = [];
    const numbers: (number | undefined)[] = [];

    for await (const page of paginateListParts({ client: s3, pageSize: 2 }, { Bucket, Key: "key", UploadId })) {
      sizes.push(page.Parts?.length ?? 0);
      numbers.push(...(page.Parts ?? []).map(({ PartNumber }) => PartNumber));
      // It would begin again: https://github.com/aws/aws-sdk-go-v2/issues/1140
      if (page.IsTruncated !== true) break;
    }

    expect(sizes).toEqual([2, 2, 1]);
    expect(numbers).toEqual([1, 2, 7, 30, 10_000]);
  });

  it("have a next marker on the last page too, and 0 on one with nothing on it", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    await part(s3, UploadId, 7, "part");

    const markers = [];
    for (const PartNumberMarker of ["0", "7"]) {
      const page = await s3.send(new ListPartsCommand({ Bucket, Key: "key", UploadId, PartNumberMarker }));
      markers.push([page.IsTruncated, page.NextPartNumberMarker]);
    }

    expect(markers).toEqual([
      [false, "7"],
      [false, "0"],
    ]);
  });

  it("are replaced by others of the same number", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    const { ETag: first } = await part(s3, UploadId, 1, "first");
    const { ETag: second } = await part(s3, UploadId, 1, "the second");

    await expect(complete(s3, UploadId, [{ PartNumber: 1, ETag: first }])).rejects.toMatchObject({
      name: "InvalidPart",
    });
    await complete(s3, UploadId, [{ PartNumber: 1, ETag: second }]);

    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }))).ContentLength).toBe(10);
  });

  it("may be left out of the object", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    await part(s3, UploadId, 1, "unwanted");
    const { ETag } = await part(s3, UploadId, 2, "wanted");

    await complete(s3, UploadId, [{ PartNumber: 2, ETag }]);

    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: "key" }));
    expect(await Body?.transformToString()).toBe("wanted");
  });

  it("stay parts of the object: each can be read by its number", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    const big = Buffer.alloc(5 * MIB, "x");
    const one = await part(s3, UploadId, 3, big);
    const two = await part(s3, UploadId, 9, "rest");
    await complete(s3, UploadId, [
      { PartNumber: 3, ETag: one.ETag },
      { PartNumber: 9, ETag: two.ETag },
    ]);

    const second = await s3.send(new GetObjectCommand({ Bucket, Key: "key", PartNumber: 2 }));

    expect(second).toMatchObject({ PartsCount: 2, ContentRange: `bytes ${5 * MIB}-${5 * MIB + 3}/${5 * MIB + 4}` });
    expect(await second.Body?.transformToString()).toBe("rest");
    await expect(s3.send(new GetObjectCommand({ Bucket, Key: "key", PartNumber: 3 }))).rejects.toMatchObject({
      name: "InvalidPartNumber",
      $metadata: { httpStatusCode: 416 },
    });
  });
});

describe("a part that is copied", () => {
  const copied = (s3: S3Client, UploadId: string, more = {}) =>
    s3.send(
      new UploadPartCopyCommand({
        ...{ Bucket, Key: "key", UploadId, PartNumber: 1, CopySource: `${Bucket}/source` },
        ...more,
      }),
    );
  const put = (s3: S3Client, Body = "0123456789") => s3.send(new PutObjectCommand({ Bucket, Key: "source", Body }));

  it("is a part like others: with etag, age and checksum", async () => {
    const room = await service();
    const s3 = sdk(room);
    await put(s3);
    const UploadId = await begin(s3, "key", { ChecksumAlgorithm: "SHA256" });

    const { CopyPartResult } = await copied(s3, UploadId, { CopySourceRange: "bytes=2-5" });
    const { Parts } = await s3.send(new ListPartsCommand({ Bucket, Key: "key", UploadId }));

    const ETag = `"${createHash("md5").update("2345").digest("hex")}"`;
    const ChecksumSHA256 = createHash("sha256").update("2345").digest("base64");
    expect(CopyPartResult).toEqual({ ETag, ChecksumSHA256, LastModified: new Date(room.clock.now()) });
    expect(Parts).toMatchObject([{ PartNumber: 1, ETag, ChecksumSHA256, Size: 4 }]);
  });

  it("stays as it was when its source changes or goes, and may be of nothing", async () => {
    const s3 = sdk(await service());
    await put(s3, "");
    const UploadId = await begin(s3);

    const { CopyPartResult } = await copied(s3, UploadId);
    await put(s3, "more");
    await complete(s3, UploadId, [{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);

    expect((await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }))).ContentLength).toBe(0);
  });

  it("is made on conditions of its source, which must be there, like the upload", async () => {
    const s3 = sdk(await service());
    await put(s3);
    const UploadId = await begin(s3);

    await expect(copied(s3, UploadId, { CopySourceIfMatch: '"other"' })).rejects.toMatchObject({
      name: "PreconditionFailed",
    });
    await expect(copied(s3, UploadId, { CopySource: `${Bucket}/missing` })).rejects.toMatchObject({
      name: "NoSuchKey",
    });
    await expect(copied(s3, "made-up")).rejects.toMatchObject({ name: "NoSuchUpload" });
    await expect(copied(s3, UploadId, { PartNumber: 10_001 })).rejects.toMatchObject({ name: "InvalidArgument" });
  });
});

describe("completing an upload", () => {
  it("may be on the condition that nothing is there", async () => {
    const s3 = sdk(await service());
    await s3.send(new PutObjectCommand({ Bucket, Key: "key", Body: "there" }));
    const UploadId = await begin(s3);
    const { ETag } = await part(s3, UploadId, 1, "new");
    const Parts = [{ PartNumber: 1, ETag }];

    await expect(complete(s3, UploadId, Parts, { IfNoneMatch: "*" })).rejects.toMatchObject({
      name: "PreconditionFailed",
    });
    await complete(s3, UploadId, Parts);

    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: "key" }));
    expect(await Body?.transformToString()).toBe("new");
  });

  it("may say how large the whole must be", async () => {
    const s3 = sdk(await service());
    const UploadId = await begin(s3);
    const { ETag } = await part(s3, UploadId, 1, "seven b");
    const Parts = [{ PartNumber: 1, ETag }];

    await expect(complete(s3, UploadId, Parts, { MpuObjectSize: 8 })).rejects.toMatchObject({ name: "InvalidRequest" });
    await complete(s3, UploadId, Parts, { MpuObjectSize: 7 });
  });
});
