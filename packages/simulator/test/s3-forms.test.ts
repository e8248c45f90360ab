import { createHash, createHmac } from "node:crypto";
import { GetObjectCommand, GetObjectTaggingCommand, HeadObjectCommand, ListObjectsV2Command } from "@aws-sdk/client-s3";
import { createPresignedPost, type PresignedPostOptions } from "@aws-sdk/s3-presigned-post";
import { describe, expect, it } from "vitest";
import { HOUR, MIB, type Room, sdk, send, service } from "./s3-wire.js";

const Bucket = "reports";
const Key = "uploads/notes.txt";

/** A form as a server hands it to its page. */
const presigned = (room: Room, more: Partial<PresignedPostOptions> = {}) =>
  createPresignedPost(sdk(room), { Bucket, Key, Expires: 600, ...more });

type Post = Awaited<ReturnType<typeof presigned>>;

interface Filled {
  readonly fields?: Record<string, string>;
  readonly file?: string | Blob;
  readonly fileName?: string;
}

/** What a browser sends when somebody has filled in the form. */
async function posted({ url, fields }: Post, { fields: more, file = "content", fileName = "mine.txt" }: Filled = {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ ...fields, ...more })) form.set(name, value);
  form.set("file", typeof file === "string" ? new Blob([file], { type: "text/plain" }) : file, fileName);
  const answer = await fetch(url, { method: "POST", body: form, redirect: "manual" });
  const text = await answer.text();
  const [, code] = /<Error><Code>(\w+)</.exec(text) ?? [];
  const message = /<Message>([^<]*)</.exec(text)?.[1]?.replaceAll("&quot;", '"');
  return { status: answer.status, headers: answer.headers, text, code, message };
}

const read = async (room: Room, key = Key) => {
  const { Body } = await sdk(room).send(new GetObjectCommand({ Bucket, Key: key }));
  return Body?.transformToString();
};

const isEmpty = async (room: Room) => (await sdk(room).send(new ListObjectsV2Command({ Bucket }))).KeyCount === 0;

describe("a form", () => {
  it("uploads a file, and is answered with nothing but its etag and place", async () => {
    const room = await service();

    const answer = await posted(await presigned(room));

    expect(answer).toMatchObject({ status: 204, text: "" });
    expect(answer.headers.get("etag")).toBe(`"${createHash("md5").update("content").digest("hex")}"`);
    expect(await read(room)).toBe("content");
    expect(room.journal.entries()[0]).toMatchObject({ operation: "PostObject", generation: 1, status: 204 });
  });

  it("may name its object after the file", async () => {
    const room = await service();
    const post = await presigned(room, { Key: "uploads/$" + "{filename}" });

    await posted(post, { fileName: "näme $& of mine.txt" });

    expect(await read(room, "uploads/näme $& of mine.txt")).toBe("content");
  });

  it("carries metadata, headers and tags in fields", async () => {
    const room = await service();
    const tagging = "<Tagging><TagSet><Tag><Key>team</Key><Value>pay &amp; go</Value></Tag></TagSet></Tagging>";
    const Fields = {
      ...{ "Content-Type": "text/csv", "Cache-Control": "no-store", "x-amz-meta-owner": "billing" },
      ...{ tagging: tagging.replace("&amp; ", ""), acl: "private", "x-amz-storage-class": "STANDARD_IA" },
    };

    expect((await posted(await presigned(room, { Fields }))).status).toBe(204);

    const s3 = sdk(room);
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({
      ContentType: "text/csv",
      CacheControl: "no-store",
      StorageClass: "STANDARD_IA",
      Metadata: { owner: "billing" },
    });
    const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
    expect(TagSet).toEqual([{ Key: "team", Value: "pay go" }]);
  });

  it("carries a file of any bytes, whatever pieces it comes in", async () => {
    const room = await service();
    const bytes = Buffer.alloc(2 * MIB, "\r\n--\r\n-----boundary\r");

    expect((await posted(await presigned(room), { file: new Blob([bytes]) })).status).toBe(204);

    expect((await read(room))?.length).toBe(2 * MIB);
    const { ETag } = await sdk(room).send(new HeadObjectCommand({ Bucket, Key }));
    expect(ETag).toBe(`"${createHash("md5").update(bytes).digest("hex")}"`);
  });

  it("says what is to be answered", async () => {
    const room = await service();
    const answered = async (fields: Record<string, string>) => posted(await presigned(room, { Fields: fields }));

    const created = await answered({ success_action_status: "201" });
    const ok = await answered({ success_action_status: "200" });
    const other = await answered({ success_action_status: "418" });
    const away = await answered({ success_action_redirect: "https://example.com/thanks?for=it" });

    expect(created.status).toBe(201);
    expect(created.text).toMatch(/<PostResponse.*<Bucket>reports<\/Bucket><Key>uploads\/notes.txt<\/Key><ETag>/s);
    expect([ok.status, ok.text]).toEqual([200, ""]);
    expect(other.status).toBe(204);
    expect(away.status).toBe(303);
    const to = new URL(away.headers.get("location") ?? "");
    expect(to.origin).toBe("https://example.com");
    expect(Object.fromEntries(to.searchParams)).toEqual({
      ...{ for: "it", bucket: Bucket, key: Key },
      etag: created.headers.get("etag"),
    });
  });

  it("may state a checksum or an MD5 of the file, which must be right", async () => {
    const room = await service();
    const sha256 = createHash("sha256").update("content").digest("base64");
    const md5 = createHash("md5").update("content").digest("base64");
    const post = async (Fields: Record<string, string>, file: string) =>
      posted(await presigned(room, { Fields }), { file });

    expect(await post({ "x-amz-checksum-sha256": sha256 }, "other")).toMatchObject({ status: 400, code: "BadDigest" });
    expect(await post({ "Content-MD5": md5 }, "other")).toMatchObject({ status: 400, code: "BadDigest" });
    expect(await post({ "Content-MD5": "short" }, "other")).toMatchObject({ status: 400, code: "InvalidDigest" });
    expect(await isEmpty(room)).toBe(true);
    expect((await post({ "x-amz-checksum-sha256": sha256, "Content-MD5": md5 }, "content")).status).toBe(204);
  });

  it("goes to a bucket that is created by it, or does not exist", async () => {
    const strict = await service({ createBuckets: false });

    expect(await posted(await presigned(strict))).toMatchObject({ status: 404, code: "NoSuchBucket" });
  });
});

describe("the policy of a form", () => {
  it("ends", async () => {
    const room = await service();
    const post = await presigned(room, { Expires: 60 });

    await room.clock.advance(61_000);

    expect(await posted(post)).toMatchObject({
      status: 403,
      code: "AccessDenied",
      message: "Invalid according to Policy: Policy expired.",
    });
  });

  it("ends with the credentials that signed it", async () => {
    const room = await service();
    const post = await presigned(room, { Expires: 7200 });

    await room.clock.advance(HOUR);

    expect(await posted(post)).toMatchObject({ status: 400, code: "ExpiredToken" });
    expect(room.journal.entries().at(-1)).toMatchObject({ operation: "PostObject", generation: 1 });
  });

  it("says what fields must be, and S3 which one was not", async () => {
    const room = await service();
    const post = await presigned(room, {
      Conditions: [
        { acl: "private" },
        ["starts-with", "$Content-Type", "image/"],
        ["starts-with", "$x-amz-meta-owner", ""],
      ],
    });
    const good = { acl: "private", "Content-Type": "image/png,image/gif", "x-amz-meta-owner": "anybody" };
    const failed = (condition: string) => ({
      status: 403,
      code: "AccessDenied",
      message: `Invalid according to Policy: Policy Condition failed: ${condition}`,
    });

    expect((await posted(post, { fields: good })).status).toBe(204);
    expect(await posted(post, { fields: { ...good, acl: "public-read" } })).toMatchObject(
      failed('["eq", "$acl", "private"]'),
    );
    expect(await posted(post, { fields: { ...good, "Content-Type": "image/png,text/html" } })).toMatchObject(
      failed('["starts-with", "$Content-Type", "image/"]'),
    );
    expect(await posted(post, { fields: { ...good, key: "elsewhere" } })).toMatchObject(
      failed('["eq", "$key", "uploads/notes.txt"]'),
    );
  });

  it("must speak of every field but those that are to be ignored", async () => {
    const post = await presigned(await service());

    expect((await posted(post, { fields: { "x-ignore-me": "1" } })).status).toBe(204);
    expect(await posted(post, { fields: { "x-amz-meta-owner": "x" } })).toMatchObject({
      status: 403,
      message: "Invalid according to Policy: Extra input fields: x-amz-meta-owner",
    });
  });

  it("is for one bucket", async () => {
    const post = await presigned(await service());

    expect(await posted({ ...post, url: post.url.replace(Bucket, "another") })).toMatchObject({
      status: 403,
      message: 'Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "reports"]',
    });
  });

  it("bounds the size of the file, and nothing else is stored", async () => {
    const room = await service();
    const post = await presigned(room, { Conditions: [["content-length-range", 5, 10]] });

    expect(await posted(post, { file: "four" })).toMatchObject({ status: 400, code: "EntityTooSmall" });
    const large = await posted(post, { file: "eleven byte" });
    expect(large).toMatchObject({ status: 400, code: "EntityTooLarge" });
    expect(large.text).toContain("<MaxSizeAllowed>10</MaxSizeAllowed>");
    expect(await isEmpty(room)).toBe(true);
    expect((await posted(post, { file: "ten bytes!" })).status).toBe(204);
  });

  /** Signs a policy that no SDK would make. */
  const signedPolicy = ({ credential, clock }: Room, policy: string, more: Record<string, string> = {}) => {
    const timestamp = new Date(clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
    const scope = [timestamp.slice(0, 8), "us-east-1", "s3", "aws4_request"];
    const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const key = scope.reduce<string | Buffer>(hmac, `AWS4${credential.secretAccessKey}`);
    const base64 = Buffer.from(policy).toString("base64");
    return {
      ...{ key: Key, policy: base64, "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-date": timestamp },
      "x-amz-credential": [credential.accessKeyId, ...scope].join("/"),
      "x-amz-security-token": credential.sessionToken,
      "x-amz-signature": hmac(key, base64).toString("hex"),
      ...more,
    };
  };

  it.each([
    ["no JSON", "{", "Invalid Policy: Invalid JSON."],
    ["without an end", '{"conditions":[]}', "Invalid Policy: Invalid 'expiration' value."],
    ["without conditions", '{"expiration":"2099-01-01T00:00:00Z"}', "Invalid Policy: Policy missing conditions."],
    [
      "with a condition that is none",
      '{"expiration":"2099-01-01T00:00:00Z","conditions":[["like","$key","a"]]}',
      "Invalid Policy: Invalid Condition.",
    ],
    [
      "with a range that is none",
      '{"expiration":"2099-01-01T00:00:00Z","conditions":[["content-length-range","a",3]]}',
      "Invalid Policy: Invalid content-length-range.",
    ],
  ])("must be a policy: %s", async (_, policy, message) => {
    const room = await service();
    const post = { url: `http://${room.host}/reports`, fields: signedPolicy(room, policy) };

    expect(await posted(post)).toMatchObject({ status: 400, code: "InvalidPolicyDocument", message });
  });

  it.each([
    ["another signature", { "x-amz-signature": "0".repeat(64) }, 403, "SignatureDoesNotMatch"],
    ["another policy", { policy: Buffer.from("{}").toString("base64") }, 403, "SignatureDoesNotMatch"],
    ["another security token", { "x-amz-security-token": "another" }, 400, "InvalidToken"],
    ["another algorithm", { "x-amz-algorithm": "AWS4-HMAC-SHA1" }, 400, "InvalidArgument"],
    ["a credential that is none", { "x-amz-credential": "AKIA" }, 400, "InvalidArgument"],
    ["no key", { key: undefined }, 400, "InvalidArgument"],
    ["an empty key", { key: "" }, 400, "InvalidArgument"],
    ["too long a key", { key: "k".repeat(1025) }, 400, "KeyTooLongError"],
    ["no date", { "x-amz-date": undefined }, 400, "InvalidArgument"],
    ["no policy", { policy: undefined }, 403, "AccessDenied"],
  ])("is not taken with %s", async (_, change, status, code) => {
    const room = await service();
    const { url, fields } = await presigned(room);
    const known = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name.toLowerCase(), value]));
    const changed = Object.entries({ ...known, ...change }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );

    expect(await posted({ url, fields: Object.fromEntries(changed) })).toMatchObject({ status, code });
    expect(await isEmpty(room)).toBe(true);
  });
});

describe("what is no form", () => {
  const post = (room: Room, body: string, type = "multipart/form-data; boundary=b") =>
    send(room, { method: "POST", url: "/reports", body, headers: { "content-type": type } });
  const field = (name: string, value: string) =>
    `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;

  it.each([
    ["of another type", "key=value", "application/x-www-form-urlencoded", 412, "PreconditionFailed"],
    ["without a boundary", "", "multipart/form-data", 412, "PreconditionFailed"],
    ["that is empty", "", undefined, 400, "InvalidArgument"],
    ["without a file", `${field("key", "a")}--b--\r\n`, undefined, 400, "InvalidArgument"],
    ["that ends in a field", field("key", "a").slice(0, -2), undefined, 400, "MalformedPOSTRequest"],
    ["with a part without a name", "--b\r\nX: y\r\n\r\nvalue\r\n--b--", undefined, 400, "MalformedPOSTRequest"],
    ["with an endless head", `--b\r\n${"x".repeat(5000)}`, undefined, 400, "MalformedPOSTRequest"],
    ["with anything before it", "x".repeat(5000), undefined, 400, "MalformedPOSTRequest"],
    ["with a huge field", field("key", "x".repeat(20_481)), undefined, 400, "MaxPostPreDataLengthExceededError"],
    [
      "with very many fields, all of them empty",
      Array.from({ length: 1000 }, (_, at) => field(`x-ignore-${at}`, "")).join(""),
      undefined,
      400,
      "MaxPostPreDataLengthExceededError",
    ],
  ])("%s is refused", async (_, body, type, status, code) => {
    expect(await post(await service(), body, type)).toMatchObject({ status, code });
  });

  it("is not stored when it ends in its file", async () => {
    const room = await service();
    const { fields } = await presigned(room);
    const all = Object.entries(fields).map(([name, value]) => field(name, value));
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nhalf of it';

    expect(await post(room, `${all.join("")}${file}`)).toMatchObject({ status: 400, code: "MalformedPOSTRequest" });
    expect(await isEmpty(room)).toBe(true);
  });

  it("may have more behind its file, which is not looked at, as on AWS", async () => {
    const room = await service();
    const { fields } = await presigned(room);
    const all = Object.entries(fields).map(([name, value]) => field(name, value));
    const file = '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\ncontent\r\n';

    expect((await post(room, `${all.join("")}${file}${field("submit", "Upload")}--b--\r\n`)).status).toBe(204);
    expect(await read(room)).toBe("content");
  });
});
