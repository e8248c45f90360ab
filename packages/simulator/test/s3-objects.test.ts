import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  type ChecksumAlgorithm,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  RestoreObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { s3Of, simulated } from "./instance.js";

const Bucket = "reports";
const MIB = 1 << 20;

async function client(options = {}): Promise<S3Client> {
  const { simulator } = await simulated(options);
  return s3Of(simulator);
}

async function read(s3: S3Client, Key: string, more = {}): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const put = (s3: S3Client, Key: string, Body: string | Uint8Array = "content", more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

describe("an object", () => {
  it.each([
    ["text", "grüß Gott"],
    ["nothing", ""],
    ["bytes", Buffer.from([0, 1, 2, 255, 254])],
    ["a mebibyte", Buffer.alloc(MIB, "x")],
  ])("of %s is read back as it was written", async (_, body) => {
    const s3 = await client();
    await put(s3, "key", body);

    expect((await read(s3, "key")).equals(Buffer.from(body))).toBe(true);
  });

  it("sent as a stream of known length arrives whole (aws-chunked with a trailer)", async () => {
    const s3 = await client();
    const body = Buffer.alloc(300_000, "stream");

    await s3.send(
      new PutObjectCommand({ Bucket, Key: "key", Body: Readable.from([body]), ContentLength: body.length }),
    );

    expect((await read(s3, "key")).equals(body)).toBe(true);
  });

  it("keeps what was said about it", async () => {
    const s3 = await client();
    await put(s3, "key", "content", {
      ContentType: "text/csv",
      CacheControl: "max-age=60",
      ContentDisposition: "attachment",
      ContentEncoding: "identity",
      ContentLanguage: "de",
      Metadata: { owner: "billing" },
    });

    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }));

    expect(head).toMatchObject({
      ContentLength: 7,
      ContentType: "text/csv",
      CacheControl: "max-age=60",
      ContentDisposition: "attachment",
      ContentEncoding: "identity",
      ContentLanguage: "de",
      Metadata: { owner: "billing" },
      ETag: `"${createHash("md5").update("content").digest("hex")}"`,
    });
  });

  it("has the clock's time as its age", async () => {
    const { simulator, clock } = await simulated();
    const s3 = await s3Of(simulator);

    await put(s3, "key");

    const { LastModified } = await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }));
    expect(LastModified?.getTime()).toBe(Math.floor(clock.now() / 1000) * 1000);
  });

  it("that does not exist is NoSuchKey to a GET and NotFound to a HEAD", async () => {
    const s3 = await client();
    await put(s3, "another");

    await expect(read(s3, "key")).rejects.toMatchObject({ name: "NoSuchKey", $metadata: { httpStatusCode: 404 } });
    await expect(s3.send(new HeadObjectCommand({ Bucket, Key: "key" }))).rejects.toMatchObject({ name: "NotFound" });
  });

  it("is gone once it is deleted, and may be deleted again", async () => {
    const s3 = await client();
    await put(s3, "key");

    await s3.send(new DeleteObjectCommand({ Bucket, Key: "key" }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "key" }));

    await expect(read(s3, "key")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  it("may have any key", async () => {
    const s3 = await client();
    const keys = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }).filter(
      // The SDK refuses or rewrites these before they are sent.
      (key) => !/\p{Cs}/u.test(key) && !/^\.{1,2}$|(^|\/)\.{1,2}(\/|$)/.test(key) && !/\p{Cc}/u.test(key),
    );
    await fc.assert(
      fc.asyncProperty(keys, async (key) => {
        await put(s3, key, key);
        expect((await read(s3, key)).toString()).toBe(key);
      }),
      { numRuns: 200 },
    );
    const listed = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url", MaxKeys: 1000 }));
    expect(listed.KeyCount).toBeGreaterThan(150);
  });

  it("may have a key of 1024 bytes and no longer", async () => {
    const s3 = await client();

    await put(s3, "k".repeat(1024));

    await expect(put(s3, "k".repeat(1025))).rejects.toMatchObject({ name: "KeyTooLongError" });
  });
});

describe("a range", () => {
  const content = "0123456789";
  it.each([
    ["bytes=0-3", "0123", "bytes 0-3/10"],
    ["bytes=4-", "456789", "bytes 4-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=8-99", "89", "bytes 8-9/10"],
    ["bytes=-99", content, "bytes 0-9/10"],
  ])("%s is part of the object", async (Range, part, ContentRange) => {
    const s3 = await client();
    await put(s3, "key", content);

    const answer = await s3.send(new GetObjectCommand({ Bucket, Key: "key", Range }));

    expect(answer).toMatchObject({ ContentRange, ContentLength: part.length, $metadata: { httpStatusCode: 206 } });
    expect(await answer.Body?.transformToString()).toBe(part);
  });

  it.each(["bytes=10-", "bytes=99-100", "bytes=-0"])("%s cannot be had", async (Range) => {
    const s3 = await client();
    await put(s3, "key", content);

    await expect(read(s3, "key", { Range })).rejects.toMatchObject({
      name: "InvalidRange",
      $metadata: { httpStatusCode: 416 },
    });
  });

  it.each(["bytes=5-2", "lines=1-2", "bytes=1-2,4-5"])(
    "%s is not one that S3 knows: the whole object comes",
    async (Range) => {
      const s3 = await client();
      await put(s3, "key", content);

      expect((await read(s3, "key", { Range })).toString()).toBe(content);
    },
  );
});

describe("conditions", () => {
  it("on reading are judged by etag and age", async () => {
    const s3 = await client();
    const { ETag } = await put(s3, "key");
    const status = async (more: object) =>
      s3.send(new GetObjectCommand({ Bucket, Key: "key", ...more })).then(
        ({ $metadata }) => $metadata.httpStatusCode,
        (error) => error.$metadata.httpStatusCode,
      );

    expect(await status({ IfMatch: ETag })).toBe(200);
    expect(await status({ IfMatch: '"other"' })).toBe(412);
    expect(await status({ IfNoneMatch: ETag })).toBe(304);
    expect(await status({ IfNoneMatch: '"other"' })).toBe(200);
    expect(await status({ IfModifiedSince: new Date(Date.now() + 60_000) })).toBe(304);
    expect(await status({ IfUnmodifiedSince: new Date(0) })).toBe(412);
  });

  it("on writing protect what is there", async () => {
    const s3 = await client();
    const { ETag } = await put(s3, "key", "first");

    await expect(put(s3, "key", "second", { IfNoneMatch: "*" })).rejects.toMatchObject({ name: "PreconditionFailed" });
    await expect(put(s3, "key", "second", { IfMatch: '"other"' })).rejects.toMatchObject({
      name: "PreconditionFailed",
    });
    await put(s3, "key", "second", { IfMatch: ETag });
    await put(s3, "new", "first", { IfNoneMatch: "*" });

    expect((await read(s3, "key")).toString()).toBe("second");
  });
});

describe("checksums", () => {
  const algorithms: ChecksumAlgorithm[] = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];
  // https://reveng.sourceforge.io/crc-catalogue/all.htm: the check values of "123456789"
  const known: Partial<Record<ChecksumAlgorithm, string>> = {
    CRC32: Buffer.from("cbf43926", "hex").toString("base64"),
    CRC32C: Buffer.from("e3069283", "hex").toString("base64"),
    CRC64NVME: Buffer.from("ae8b14860a799888", "hex").toString("base64"),
    SHA1: createHash("sha1").update("123456789").digest("base64"),
    SHA256: createHash("sha256").update("123456789").digest("base64"),
  };

  it.each(algorithms)("of %s are verified, kept and told again", async (algorithm) => {
    const s3 = await client();
    const header = `Checksum${algorithm}`;
    const value = known[algorithm];

    await put(s3, "key", "123456789", { [header]: value });
    const read = await s3.send(new GetObjectCommand({ Bucket, Key: "key", ChecksumMode: "ENABLED" }));

    expect(read).toMatchObject({ [header]: value, ChecksumType: "FULL_OBJECT" });
    expect(await read.Body?.transformToString()).toBe("123456789");
  });

  it.each(algorithms)("of %s that do not fit are refused, and nothing is stored", async (algorithm) => {
    const s3 = await client();

    const write = put(s3, "key", "987654321", { [`Checksum${algorithm}`]: known[algorithm] });

    await expect(write).rejects.toMatchObject({ name: "BadDigest" });
    await expect(read(s3, "key")).rejects.toMatchObject({ name: "NoSuchKey" });
  });

  it("by Content-MD5 are verified", async () => {
    const s3 = await client();
    const md5 = createHash("md5").update("content").digest("base64");

    await put(s3, "key", "content", { ContentMD5: md5 });

    await expect(put(s3, "key", "other", { ContentMD5: md5 })).rejects.toMatchObject({ name: "BadDigest" });
    await expect(put(s3, "key", "other", { ContentMD5: "short" })).rejects.toMatchObject({ name: "InvalidDigest" });
  });
});

describe("a copy", () => {
  it("has the content and the metadata of its source", async () => {
    const s3 = await client();
    await put(s3, "a key/with ünicode", "content", { Metadata: { owner: "billing" } });

    await s3.send(
      new CopyObjectCommand({ Bucket, Key: "copy", CopySource: encodeURI(`${Bucket}/a key/with ünicode`) }),
    );

    expect((await read(s3, "copy")).toString()).toBe("content");
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: "copy" }))).toMatchObject({
      Metadata: { owner: "billing" },
    });
  });

  it("may have metadata of its own", async () => {
    const s3 = await client();
    await put(s3, "key", "content", { Metadata: { owner: "billing" } });

    await s3.send(
      new CopyObjectCommand({
        Bucket,
        Key: "key",
        CopySource: `/${Bucket}/key`,
        MetadataDirective: "REPLACE",
        Metadata: { owner: "sales" },
      }),
    );

    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }))).toMatchObject({
      Metadata: { owner: "sales" },
    });
  });

  it("of nothing is refused", async () => {
    const s3 = await client();
    await put(s3, "key");
    const copy = (CopySource: string) => s3.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource }));

    await expect(copy(`${Bucket}/missing`)).rejects.toMatchObject({ name: "NoSuchKey" });
    await expect(copy("missing/key")).rejects.toMatchObject({ name: "NoSuchBucket" });
    await expect(copy("nowhere")).rejects.toMatchObject({ name: "InvalidArgument" });
  });
});

describe("a listing", () => {
  it("comes page by page, in the order of bytes", async () => {
    const s3 = await client();
    const keys = ["a", "b", "B", "ä", "z/1", "z/2", "𐀀", "～"];
    for (const key of keys) await put(s3, key);
    const listed: string[] = [];

    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 3 }, { Bucket })) {
      expect(page.Contents?.length).toBeLessThanOrEqual(3);
      for (const { Key: key = "" } of page.Contents ?? []) listed.push(key);
    }

    expect(listed).toEqual(keys.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
  });

  it("groups by a delimiter, also over the ends of pages", async () => {
    const s3 = await client();
    for (const key of ["2025/1", "2025/2", "2026/1", "2026/2", "index"]) await put(s3, key);
    const entries: string[] = [];

    for await (const page of paginateListObjectsV2({ client: s3, pageSize: 1 }, { Bucket, Delimiter: "/" })) {
      entries.push(...(page.CommonPrefixes ?? []).map(({ Prefix = "" }) => Prefix));
      entries.push(...(page.Contents ?? []).map(({ Key = "" }) => Key));
    }

    expect(entries).toEqual(["2025/", "2026/", "index"]);
  });

  it("takes a prefix, a start and an encoding", async () => {
    const s3 = await client();
    for (const key of ["a", "b c", "b+d", "b/e", "c"]) await put(s3, key);

    const { Contents, KeyCount, IsTruncated } = await s3.send(
      new ListObjectsV2Command({ Bucket, Prefix: "b", StartAfter: "b c", EncodingType: "url" }),
    );

    expect(Contents?.map(({ Key }) => Key)).toEqual(["b%2Bd", "b/e"]);
    expect({ KeyCount, IsTruncated }).toEqual({ KeyCount: 2, IsTruncated: false });
  });

  it("of version 1 goes on from a marker", async () => {
    const s3 = await client();
    for (const key of ["a", "b", "c"]) await put(s3, key);

    const first = await s3.send(new ListObjectsCommand({ Bucket, MaxKeys: 2 }));
    const second = await s3.send(new ListObjectsCommand({ Bucket, Marker: "b" }));

    expect([first.IsTruncated, first.Contents?.length]).toEqual([true, 2]);
    expect(second.Contents?.map(({ Key }) => Key)).toEqual(["c"]);
  });

  it("refuses what cannot be", async () => {
    const s3 = await client();
    await put(s3, "a");

    await expect(s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: -1 }))).rejects.toMatchObject({
      name: "InvalidArgument",
    });
    await expect(s3.send(new ListObjectsV2Command({ Bucket, ContinuationToken: "made up" }))).rejects.toMatchObject({
      name: "InvalidArgument",
    });
  });
});

describe("a multipart upload", () => {
  const begin = async (s3: S3Client, more = {}) => {
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "key", ...more }));
    const part = async (PartNumber: number, Body: Buffer) => {
      const { ETag, ChecksumCRC32 } = await s3.send(
        new UploadPartCommand({ Bucket, Key: "key", UploadId, PartNumber, Body }),
      );
      return { PartNumber, ETag, ChecksumCRC32 };
    };
    const complete = (Parts: object[]) =>
      s3.send(new CompleteMultipartUploadCommand({ Bucket, Key: "key", UploadId, MultipartUpload: { Parts } }));
    return { UploadId, part, complete };
  };
  const big = Buffer.alloc(5 * MIB, "part");
  const rest = Buffer.from("the rest");

  it("becomes one object of its parts, with their etag and checksum", async () => {
    const s3 = await client();
    const { part, complete } = await begin(s3, { ChecksumAlgorithm: "CRC32", ContentType: "text/plain" });
    const parts = [await part(2, rest), await part(1, big)].reverse();

    const { ETag, ChecksumCRC32 } = await complete(parts);

    expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(ChecksumCRC32).toMatch(/-2$/);
    expect((await read(s3, "key")).equals(Buffer.concat([big, rest]))).toBe(true);
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }))).toMatchObject({
      ContentType: "text/plain",
      ETag,
    });
  });

  it("lists its parts and itself until it is completed or aborted", async () => {
    const s3 = await client();
    const { UploadId, part } = await begin(s3);
    await part(1, big);
    await part(3, rest);

    const parts = await s3.send(new ListPartsCommand({ Bucket, Key: "key", UploadId, MaxParts: 1 }));
    const uploads = await s3.send(new ListMultipartUploadsCommand({ Bucket }));
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "key", UploadId }));

    expect(parts).toMatchObject({
      IsTruncated: true,
      NextPartNumberMarker: "1",
      Parts: [{ PartNumber: 1, Size: 5 * MIB }],
    });
    expect(uploads.Uploads).toMatchObject([{ Key: "key", UploadId }]);
    expect((await s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).toEqual([]);
    await expect(part(1, rest)).rejects.toMatchObject({ name: "NoSuchUpload" });
  });

  it("takes parts from other objects", async () => {
    const s3 = await client();
    await put(s3, "source", "0123456789");
    const { UploadId, complete } = await begin(s3);
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({
        Bucket,
        Key: "key",
        UploadId,
        PartNumber: 1,
        CopySource: `${Bucket}/source`,
        CopySourceRange: "bytes=2-5",
      }),
    );

    await complete([{ PartNumber: 1, ETag: CopyPartResult?.ETag }]);

    expect((await read(s3, "key")).toString()).toBe("2345");
  });

  it("is refused when its parts are not those that came, and stays as it was", async () => {
    const s3 = await client();
    const { part, complete } = await begin(s3);
    const one = await part(1, rest);
    const two = await part(2, rest);

    await expect(complete([two, one])).rejects.toMatchObject({ name: "InvalidPartOrder" });
    await expect(complete([{ PartNumber: 7, ETag: '"x"' }])).rejects.toMatchObject({ name: "InvalidPart" });
    await expect(complete([one, two])).rejects.toMatchObject({ name: "EntityTooSmall" });
    await expect(complete([])).rejects.toMatchObject({ name: "MalformedXML" });
    await complete([one]);

    expect(await read(s3, "key")).toEqual(rest);
  });

  it("has at most 10,000 parts", async () => {
    const s3 = await client();
    const { part } = await begin(s3);

    await expect(part(10_001, rest)).rejects.toMatchObject({ name: "InvalidArgument" });
  });
});

describe("a bucket", () => {
  it("is created when it is first used, if so wished, and is an error otherwise", async () => {
    const easy = await client();
    const strict = await client({ createBuckets: false });

    await put(easy, "key");

    await expect(put(strict, "key")).rejects.toMatchObject({ name: "NoSuchBucket" });
    await strict.send(new CreateBucketCommand({ Bucket }));
    await put(strict, "key");
  });

  it("is listed, located and headed", async () => {
    const s3 = await client({ createBuckets: false });
    await s3.send(new CreateBucketCommand({ Bucket }));

    expect((await s3.send(new ListBucketsCommand())).Buckets?.map(({ Name }) => Name)).toEqual([Bucket]);
    expect((await s3.send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint ?? "").toBe("");
    expect((await s3.send(new HeadBucketCommand({ Bucket }))).BucketRegion).toBe("us-east-1");
    await expect(s3.send(new HeadBucketCommand({ Bucket: "missing" }))).rejects.toMatchObject({ name: "NotFound" });
  });

  it("can be deleted when it is empty, not before", async () => {
    const s3 = await client({ createBuckets: false });
    await s3.send(new CreateBucketCommand({ Bucket }));
    await put(s3, "a");
    await put(s3, "b & c");

    await expect(s3.send(new DeleteBucketCommand({ Bucket }))).rejects.toMatchObject({ name: "BucketNotEmpty" });
    const { Deleted } = await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "a" }, { Key: "b & c" }, { Key: "missing" }] } }),
    );
    await s3.send(new DeleteBucketCommand({ Bucket }));

    expect(Deleted?.map(({ Key }) => Key)).toEqual(["a", "b & c", "missing"]);
  });

  it.each(["UPPER", "a", "under_score", "two..dots", "10.0.0.1"])("cannot be called %s", async (name) => {
    const s3 = await client();

    await expect(s3.send(new CreateBucketCommand({ Bucket: name }))).rejects.toMatchObject({
      name: "InvalidBucketName",
    });
  });
});

it("what is not there yet says so, in S3's own words", async () => {
  const s3 = await client();
  await put(s3, "key");

  await expect(s3.send(new RestoreObjectCommand({ Bucket, Key: "key" }))).rejects.toMatchObject({
    name: "NotImplemented",
    $metadata: { httpStatusCode: 501 },
  });
});
