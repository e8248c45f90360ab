import { createHash } from "node:crypto";
import { connect } from "node:net";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { ask, HOUR, MIB, type Room, sdk, send, service, sha256, signed } from "./s3-wire.js";

const Bucket = "reports";

const put = (s3: S3Client, Key: string, Body: string | Buffer = "content", more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

/** Until the journal has that many entries: the last is written when its connection has gone. */
async function written({ journal }: Room, count: number) {
  while (journal.entries().length < count) await new Promise((resolve) => setImmediate(resolve));
  return journal.entries();
}

describe("a credential", () => {
  it.each([
    ["has ended", -HOUR, false, "ExpiredToken: expired"],
    ["ends at this instant", 0, false, "ExpiredToken: expired"],
    ["was revoked", HOUR, true, "ExpiredToken: revoked"],
  ])("that %s is refused as expired, and the journal says why", async (_, lifetime, revoked, decision) => {
    const room = await service();
    const credential = room.ledger.issue("role", room.clock.now(), lifetime);
    if (revoked) room.ledger.revokeAll();

    const write = put(sdk(room, {}, credential), "key");

    await expect(write).rejects.toMatchObject({
      name: "ExpiredToken",
      message: "The provided token has expired.",
      $metadata: { httpStatusCode: 400 },
    });
    expect(room.journal.entries()).toMatchObject([
      {
        client: "tested",
        operation: "PutObject",
        status: 400,
        decision,
        generation: 2,
        path: "/reports/key?x-id=PutObject",
      },
    ]);
  });

  it("is good until its end and not a moment longer", async () => {
    const room = await service();
    const s3 = sdk(room);
    await put(s3, "key");

    // Still within the time that clocks may differ.
    const credential = room.ledger.issue("role", room.clock.now(), 60_000);
    await put(sdk(room, {}, credential), "key");
    await room.clock.advance(60_000);

    await expect(put(sdk(room, {}, credential), "key")).rejects.toMatchObject({ name: "ExpiredToken" });
    await put(s3, "key");
  });
});

describe("every answer", () => {
  it.each([
    ["a good one", "GET", "/", 200],
    ["a refusal", "GET", "/reports/missing", 404],
    ["one without a body", "DELETE", "/reports/missing", 204],
    ["one to a HEAD", "HEAD", "/reports/missing", 404],
  ])("(%s) tells the clock's time, who answers, and the journal's request id", async (_, method, url, status) => {
    const room = await service();
    await room.clock.advance(5 * 60_000);

    const answer = await ask(room, { method, url });

    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      server: "AmazonS3",
      date: new Date(room.clock.now()).toUTCString(),
      "x-amz-request-id": room.journal.entries()[0]?.requestId,
      "x-amz-id-2": expect.any(String),
    });
  });

  it("is one entry in the journal, also when the client leaves in the middle, and nothing is stored then", async () => {
    const room = await service();
    const { headers } = signed(room, { payloadHash: "UNSIGNED-PAYLOAD" });
    const head = ["PUT /reports/key HTTP/1.1", "content-length: 1000"];
    for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`);

    const socket = connect(room.port, "127.0.0.1");
    socket.write(`${head.join("\r\n")}\r\n\r\nhalf of it`, () => socket.destroy());

    expect(await written(room, 1)).toMatchObject([{ operation: "PutObject", status: 0, generation: 1 }]);
    expect((await ask(room, { method: "GET" })).code).toBe("NoSuchKey");
  });

  it("holds no secret of a presigned address", async () => {
    const room = await service();
    const url = "/reports/key?X-Amz-Credential=AKIA&X-Amz-Security-Token=tokentoken&X-Amz-Signature=abcdef&x=1";

    const answer = await send(room, { method: "GET", url });

    expect(answer).toMatchObject({ status: 400, code: "AuthorizationQueryParametersError" });
    expect(JSON.stringify(room.journal.entries())).not.toMatch(/tokentoken|abcdef/);
  });
});

describe("a body that cannot be verified", () => {
  const framed = "1\r\nx\r\n0\r\n\r\n";
  const unsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
  const decoded = { "x-amz-decoded-content-length": "1" };

  it.each([
    [
      "signed in an unknown way",
      { payloadHash: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", body: framed },
      "InvalidArgument",
    ],
    ["with a hash that is none", { payloadHash: "\u00e9".repeat(64), body: "x" }, "InvalidArgument"],
    ["other than its hash", { payloadHash: "0".repeat(64), body: "x" }, "XAmzContentSHA256Mismatch"],
    ["in chunks of unknown sum", { payloadHash: unsignedTrailer, body: framed }, "MissingContentLength"],
    [
      "in chunks of another sum",
      { payloadHash: unsignedTrailer, headers: { "x-amz-decoded-content-length": "2" }, body: framed },
      "IncompleteBody",
    ],
    [
      "without the trailer it announced",
      { payloadHash: unsignedTrailer, headers: { ...decoded, "x-amz-trailer": "x-amz-checksum-crc32" }, body: framed },
      "MalformedTrailerError",
    ],
    [
      "with a trailer that does not fit",
      {
        payloadHash: unsignedTrailer,
        headers: { ...decoded, "x-amz-trailer": "x-amz-checksum-crc32" },
        body: "1\r\nx\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
      },
      "BadDigest",
    ],
    ["with a checksum that is none", { headers: { "x-amz-checksum-crc32": "short" }, body: "x" }, "InvalidRequest"],
    [
      "with two checksums",
      { headers: { "x-amz-checksum-crc32": "jNAwDQ==", "x-amz-checksum-crc32c": "AAAAAA==" }, body: "x" },
      "InvalidRequest",
    ],
    ["of no stated length", { headers: { "transfer-encoding": "chunked" }, body: "x" }, "NotImplemented"],
  ])("%s is refused, and nothing is stored", async (_, asked, code) => {
    const room = await service();

    expect((await ask(room, asked)).code).toBe(code);
    expect((await ask(room, { method: "GET" })).code).toBe("NoSuchKey");
  });

  it("because it is too large is refused before it is sent", async () => {
    const room = await service();
    const { headers } = signed(room, { payloadHash: "UNSIGNED-PAYLOAD" });
    const head = ["PUT /reports/key HTTP/1.1", "content-length: 6000000000", "expect: 100-continue"];
    for (const [name, value] of Object.entries(headers)) head.push(`${name}: ${value}`);

    const first = await new Promise<string>((resolve) => {
      const socket = connect(room.port, "127.0.0.1", () => socket.write(`${head.join("\r\n")}\r\n\r\n`));
      socket.once("data", (bytes) => {
        socket.destroy();
        resolve(bytes.toString());
      });
    });

    expect(first).toMatch(/^HTTP\/1\.1 400 /);
    expect(first).toContain("EntityTooLarge");
  });
});

describe("a chain of chunk signatures with a signed trailer", () => {
  const framedBy = (room: Room, crc32c: string) => {
    const chunks = [Buffer.alloc(65_536, "a"), Buffer.alloc(1024, "a"), Buffer.alloc(0)];
    const payloadHash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    const { headers, signature, sign } = signed(room, {
      payloadHash,
      headers: { "x-amz-decoded-content-length": "66560", "x-amz-trailer": "x-amz-checksum-crc32c" },
    });
    let previous = signature;
    const frames = chunks.map((chunk) => {
      previous = sign("AWS4-HMAC-SHA256-PAYLOAD", previous, sha256(""), sha256(chunk));
      const end = chunk.length === 0 ? "" : "\r\n";
      return `${chunk.length.toString(16)};chunk-signature=${previous}\r\n${chunk}${end}`;
    });
    const last = sign("AWS4-HMAC-SHA256-TRAILER", previous, sha256("x-amz-checksum-crc32c:sOO8/Q==\n"));
    const body = `${frames.join("")}x-amz-checksum-crc32c:${crc32c}\r\nx-amz-trailer-signature:${last}\r\n\r\n`;
    return { headers: { ...headers, "content-length": String(body.length) }, body };
  };

  it("is followed to its end, and its checksum kept", async () => {
    const room = await service();

    const answer = await send(room, framedBy(room, "sOO8/Q=="));

    expect(answer.status).toBe(200);
    expect(answer.headers["x-amz-checksum-crc32c"]).toBe("sOO8/Q==");
    expect((await ask(room, { method: "GET" })).text).toBe("a".repeat(66_560));
  });

  it("breaks when the trailer was changed on the way", async () => {
    const room = await service();

    expect((await send(room, framedBy(room, "AAAAAA=="))).code).toBe("SignatureDoesNotMatch");
  });
});

describe("a refusal", () => {
  it.each([
    ["small", MIB, "keep-alive"],
    ["large", 8 * MIB, "close"],
  ])("reaches a client that is still sending (%s body)", async (_, size, connection) => {
    const room = await service();
    room.ledger.revokeAll();

    const answer = await ask(room, { payloadHash: "UNSIGNED-PAYLOAD", body: Buffer.alloc(size, "x") });

    expect(answer).toMatchObject({ status: 400, code: "ExpiredToken" });
    expect(answer.headers.connection).toBe(connection);
  });

  it("is the answer to words that are no request at all, and the next is served", async () => {
    const room = await service();

    const first = await new Promise<string>((resolve) => {
      const socket = connect(room.port, "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
      socket.once("data", (bytes) => resolve(bytes.toString()));
    });

    expect(first).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(room, { method: "GET", url: "/" })).status).toBe(200);
  });
});

describe("a bucket's name", () => {
  it.each(["reports.localhost", "reports.s3.amazonaws.com", "reports.s3.us-east-1.amazonaws.com"])(
    "may stand in the host: %s",
    async (host) => {
      const room = await service();
      await put(sdk(room), "a/key");

      const answer = await ask(room, { method: "GET", url: "/a/key", headers: { host } });

      expect(answer).toMatchObject({ status: 200, text: "content" });
    },
  );

  it("may be all digits, which is no address", async () => {
    await expect(sdk(await service()).send(new CreateBucketCommand({ Bucket: "12345678" }))).resolves.toBeTruthy();
  });
});

describe("odd keys", () => {
  const keys = [
    " spaces ",
    "a\nb",
    "ünïcödé/日本",
    "a+b",
    "100%25",
    "a//b",
    "/x",
    ".",
    "..",
    "a/../b",
    "<&\"'>",
    "&#xA;",
    "k".repeat(1024),
  ];

  it.each(keys)("%j is written, read, listed and deleted by its own name", async (key) => {
    const s3 = sdk(await service());
    await put(s3, key, key);
    await put(s3, key.trim() === key ? `${key.slice(0, 1000)}~` : key.trim(), "another");

    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: key }));
    const listed = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url" }));
    const { Deleted } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: key }] } }));

    expect(await Body?.transformToString()).toBe(key);
    expect(listed.Contents?.map(({ Key = "" }) => decodeURIComponent(Key))).toContain(key);
    expect(Deleted).toHaveLength(1);
    await expect(s3.send(new HeadObjectCommand({ Bucket, Key: key }))).rejects.toMatchObject({ name: "NotFound" });
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(1);
  });
});

describe("the checksum of a whole upload", () => {
  const big = Buffer.alloc(5 * MIB, "part");
  const begin = async (
    s3: S3Client,
    ChecksumType: "FULL_OBJECT" | "COMPOSITE",
    ChecksumAlgorithm: "CRC64NVME" | "SHA256",
  ) => {
    const { UploadId } = await s3.send(
      new CreateMultipartUploadCommand({ Bucket, Key: "key", ChecksumAlgorithm, ChecksumType }),
    );
    const part = (PartNumber: number, Body: Buffer) =>
      s3.send(new UploadPartCommand({ Bucket, Key: "key", UploadId, PartNumber, Body, ChecksumAlgorithm }));
    const complete = (Parts: object[], more = {}) =>
      s3.send(
        new CompleteMultipartUploadCommand({ Bucket, Key: "key", UploadId, MultipartUpload: { Parts }, ...more }),
      );
    return { UploadId, part, complete };
  };

  it("may be given when it is completed, and must be that of the object", async () => {
    const s3 = sdk(await service());
    const { part, complete } = await begin(s3, "FULL_OBJECT", "CRC64NVME");
    const parts = [
      { PartNumber: 1, ...(await part(1, big)) },
      { PartNumber: 2, ...(await part(2, Buffer.from("rest"))) },
    ];
    const whole = await put(s3, "same", Buffer.concat([big, Buffer.from("rest")]), { ChecksumAlgorithm: "CRC64NVME" });
    const ChecksumType = "FULL_OBJECT";

    await expect(complete(parts, { ChecksumType, ChecksumCRC64NVME: "AAAAAAAAAAA=" })).rejects.toMatchObject({
      name: "BadDigest",
    });
    const done = await complete(parts, { ChecksumType, ChecksumCRC64NVME: whole.ChecksumCRC64NVME });

    expect(done).toMatchObject({ ChecksumCRC64NVME: whole.ChecksumCRC64NVME, ChecksumType });
    // The SDK checks the bytes that it reads against it.
    const read = await s3.send(new GetObjectCommand({ Bucket, Key: "key", ChecksumMode: "ENABLED" }));
    expect((await read.Body?.transformToByteArray())?.length).toBe(5 * MIB + 4);
  });

  it("is made of those of its parts, copied ones too, which must be as listed", async () => {
    const s3 = sdk(await service());
    await put(s3, "source", "0123456789");
    const { UploadId, part, complete } = await begin(s3, "COMPOSITE", "SHA256");
    const one = { PartNumber: 1, ...(await part(1, big)) };
    const { CopyPartResult } = await s3.send(
      new UploadPartCopyCommand({ Bucket, Key: "key", UploadId, PartNumber: 2, CopySource: `${Bucket}/source` }),
    );
    const two = { PartNumber: 2, ...CopyPartResult };
    const hashes = [big, "0123456789"].map((content) => createHash("sha256").update(content).digest());

    await expect(complete([{ ...one, ChecksumSHA256: two.ChecksumSHA256 }, two])).rejects.toMatchObject({
      name: "InvalidPart",
    });
    const { ChecksumSHA256 } = await complete([one, two]);

    expect(ChecksumSHA256).toBe(`${createHash("sha256").update(Buffer.concat(hashes)).digest("base64")}-2`);
  });

  it("is its own again in a copy", async () => {
    const s3 = sdk(await service());
    const { part, complete } = await begin(s3, "COMPOSITE", "SHA256");
    await complete([{ PartNumber: 1, ...(await part(1, big)) }]);

    const { CopyObjectResult } = await s3.send(
      new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/key` }),
    );

    expect(CopyObjectResult).toMatchObject({
      ETag: `"${createHash("md5").update(big).digest("hex")}"`,
      ChecksumSHA256: createHash("sha256").update(big).digest("base64"),
      ChecksumType: "FULL_OBJECT",
    });
  });
});

describe("what S3 refuses although it could be guessed", () => {
  it.each([
    [
      "a copy onto itself",
      "InvalidRequest",
      (s3: S3Client) => s3.send(new CopyObjectCommand({ Bucket, Key: "key", CopySource: `${Bucket}/key` })),
    ],
    [
      "an If-None-Match of one etag on writing",
      "NotImplemented",
      (s3: S3Client) => put(s3, "key", "x", { IfNoneMatch: '"etag"' }),
    ],
    [
      "an answer's header that cannot be sent",
      "InvalidArgument",
      (s3: S3Client) =>
        s3.send(new GetObjectCommand({ Bucket, Key: "key", ResponseContentDisposition: 'attachment; filename="中"' })),
    ],
    [
      "a checksum algorithm that does not exist",
      "InvalidRequest",
      (s3: S3Client) =>
        s3.send(
          new CopyObjectCommand({
            Bucket,
            Key: "copy",
            CopySource: `${Bucket}/key`,
            ChecksumAlgorithm: "MD4" as "SHA1",
          }),
        ),
    ],
  ])("%s", async (_, name, request) => {
    const s3 = sdk(await service());
    await put(s3, "key");

    await expect(request(s3)).rejects.toMatchObject({ name });
  });

  it.each(["bytes=5-99", "bytes=5-", "nonsense"])("a part copied from %s of ten bytes", async (CopySourceRange) => {
    const s3 = sdk(await service());
    await put(s3, "source", "0123456789");
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "key" }));
    const copy = { Bucket, Key: "key", UploadId, PartNumber: 1, CopySource: `${Bucket}/source`, CopySourceRange };

    await expect(s3.send(new UploadPartCopyCommand(copy))).rejects.toMatchObject({ name: "InvalidArgument" });
  });

  it("a deletion of many without a checksum of the list", async () => {
    const body = "<Delete><Object><Key>key</Key></Object></Delete>";

    expect((await ask(await service(), { method: "POST", url: "/reports?delete=", body })).code).toBe("InvalidRequest");
  });
});

it("an object that has not changed is told by its etag alone", async () => {
  const room = await service();
  const { ETag = "" } = await put(sdk(room), "key");

  const answer = await ask(room, { method: "GET", headers: { "if-none-match": ETag } });

  expect(answer).toMatchObject({ status: 304, text: "", headers: { etag: ETag } });
});

it("a listing tells the owner when asked", async () => {
  const s3 = sdk(await service());
  await put(s3, "key");
  const owner = async (FetchOwner: boolean) =>
    (await s3.send(new ListObjectsV2Command({ Bucket, FetchOwner }))).Contents?.[0]?.Owner?.DisplayName;

  expect(await owner(true)).toBe("evertoken-simulator");
  expect(await owner(false)).toBeUndefined();
  expect((await s3.send(new ListBucketsCommand())).Owner?.DisplayName).toBe("evertoken-simulator");
});

it("a signed header of a name that means something to JavaScript is judged like any other", async () => {
  const room = await service();

  expect((await ask(room, { method: "GET", url: "/", alsoSigned: ["constructor"] })).status).toBe(200);
});
