import { createHash } from "node:crypto";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { describe, expect, it } from "vitest";
import { HOUR, type Room, sdk, send, service } from "./s3-wire.js";

const Bucket = "reports";
const Key = "a key/with ünicode & more";
const MINUTE = 60_000;

type Signing = Parameters<typeof getSignedUrl>[2];
type Signable = GetObjectCommand | HeadObjectCommand | PutObjectCommand | DeleteObjectCommand | UploadPartCommand;

/** The clock of a test begins in the present, so that SDK and S3 agree on the time. */
const signed = (s3: S3Client, command: Signable, more: Signing = {}) =>
  // The presigner's types want one kind of command.
  getSignedUrl(s3, command as GetObjectCommand, { expiresIn: 600, ...more });

const put = (s3: S3Client, Body = "content", more = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));

const codeOf = (text: string) => /<Error><Code>(\w+)</.exec(text)?.[1];
const messageOf = (text: string) => /<Message>([^<]*)</.exec(text)?.[1];

/** The answer to a request that knows nothing but the address. */
async function fetched(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, init);
  const text = await answer.text();
  return { status: answer.status, text, code: codeOf(text), message: messageOf(text), headers: answer.headers };
}

async function signedGet(room: Room, more: Signing = {}) {
  const s3 = sdk(room);
  await put(s3);
  return signed(s3, new GetObjectCommand({ Bucket, Key }), more);
}

const changed = (url: string, change: (query: URLSearchParams) => void) => {
  const at = new URL(url);
  change(at.searchParams);
  return at.href;
};

describe("a presigned address", () => {
  it("reads an object for whoever holds it", async () => {
    const url = await signedGet(await service());

    expect(await fetched(url)).toMatchObject({ status: 200, text: "content" });
    expect(await fetched(url, { headers: { range: "bytes=0-2" } })).toMatchObject({ status: 206, text: "con" });
  });

  it("writes, tells about and deletes one", async () => {
    const room = await service();
    const s3 = sdk(room);
    const write = await signed(s3, new PutObjectCommand({ Bucket, Key }));
    const head = await signed(s3, new HeadObjectCommand({ Bucket, Key }));
    const remove = await signed(s3, new DeleteObjectCommand({ Bucket, Key }));

    expect((await fetched(write, { method: "PUT", body: "by address" })).status).toBe(200);
    expect((await fetched(head, { method: "HEAD" })).headers.get("content-length")).toBe("10");
    expect((await fetched(remove, { method: "DELETE" })).status).toBe(204);
    expect((await fetched(head, { method: "HEAD" })).status).toBe(404);
  });

  it("carries what the signer wants the answer to say", async () => {
    const room = await service();
    const s3 = sdk(room);
    await put(s3);
    const command = new GetObjectCommand({ Bucket, Key, ResponseContentType: "text/csv" });

    const { headers } = await fetched(await signed(s3, command));

    expect(headers.get("content-type")).toBe("text/csv");
  });

  it("carries headers of the write, which count like those that are sent", async () => {
    const room = await service();
    const s3 = sdk(room);
    const command = new PutObjectCommand({ Bucket, Key, Metadata: { owner: "billing" } });

    const url = await signed(s3, command);

    expect((await fetched(url, { method: "PUT", body: "x" })).status).toBe(200);
    expect(await s3.send(new HeadObjectCommand({ Bucket, Key }))).toMatchObject({ Metadata: { owner: "billing" } });
  });

  // https://github.com/aws/aws-sdk/issues/480: without this, no address that an SDK presigns for a write would work.
  it("carries a checksum of nothing, which S3 does not look at; that of a signed header it does", async () => {
    const s3 = sdk(await service());
    const ChecksumSHA256 = createHash("sha256").update("content").digest("base64");
    const unsigned = await signed(s3, new PutObjectCommand({ Bucket, Key }));
    const kept = new Set(["x-amz-checksum-sha256", "x-amz-sdk-checksum-algorithm"]);
    const bound = await signed(s3, new PutObjectCommand({ Bucket, Key, ChecksumSHA256 }), { unhoistableHeaders: kept });
    const headers = { "x-amz-checksum-sha256": ChecksumSHA256 };

    expect(unsigned).toContain("x-amz-checksum-crc32=AAAAAA");
    expect((await fetched(unsigned, { method: "PUT", body: "content" })).status).toBe(200);
    expect(await fetched(bound, { method: "PUT", body: "other", headers })).toMatchObject({
      status: 400,
      code: "BadDigest",
    });
    expect((await fetched(bound, { method: "PUT", body: "content", headers })).status).toBe(200);
  });

  it("binds a header that was signed with it", async () => {
    const s3 = sdk(await service());
    const command = new PutObjectCommand({ Bucket, Key, ContentType: "text/csv" });
    const url = await signed(s3, command, { signableHeaders: new Set(["content-type"]) });
    const sent = (type: string) => fetched(url, { method: "PUT", body: "x", headers: { "content-type": type } });

    expect(await sent("text/html")).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
    expect((await sent("text/csv")).status).toBe(200);
  });

  it("uploads a part", async () => {
    const s3 = sdk(await service());
    const url = await signed(s3, new UploadPartCommand({ Bucket, Key, UploadId: "made-up", PartNumber: 1 }));

    expect(await fetched(url, { method: "PUT", body: "x" })).toMatchObject({ status: 404, code: "NoSuchUpload" });
  });
});

describe("a presigned address ends", () => {
  it("when it says so, to the second, with words of its own", async () => {
    const room = await service();
    const url = await signedGet(room, { expiresIn: 120, signingDate: new Date(room.clock.now()) });

    await room.clock.advance(119_000);
    expect((await fetched(url)).status).toBe(200);
    await room.clock.advance(1000);
    const late = await fetched(url);

    expect(late).toMatchObject({ status: 403, code: "AccessDenied", message: "Request has expired" });
    expect(late.text).toContain("<X-Amz-Expires>120</X-Amz-Expires>");
    expect(late.text).toMatch(/<Expires>[^<]+Z<\/Expires><ServerTime>[^<]+Z<\/ServerTime>/);
  });

  it("with its credentials, however long it was meant to last", async () => {
    const room = await service();
    const url = await signedGet(room, { expiresIn: 7 * 24 * 3600, signingDate: new Date(room.clock.now()) });

    await room.clock.advance(HOUR - MINUTE);
    expect((await fetched(url)).status).toBe(200);
    await room.clock.advance(MINUTE);

    expect(await fetched(url)).toMatchObject({
      status: 400,
      code: "ExpiredToken",
      message: "The provided token has expired.",
    });
    expect(room.journal.entries().at(-1)).toMatchObject({ generation: 1, decision: "ExpiredToken: expired" });
  });

  it("with the revocation of its credentials", async () => {
    const room = await service();
    const url = await signedGet(room);

    room.ledger.revokeAll();

    expect(await fetched(url)).toMatchObject({ status: 400, code: "ExpiredToken" });
  });

  it("not because clocks differ by more than a request's own signature allows", async () => {
    const room = await service();
    const url = await signedGet(room, { expiresIn: 3000 });

    await room.clock.advance(40 * MINUTE);

    expect((await fetched(url)).status).toBe(200);
  });

  it("and has not begun when it was signed in the future", async () => {
    const room = await service();
    const url = await signedGet(room, { signingDate: new Date(room.clock.now() + 16 * MINUTE) });

    expect(await fetched(url)).toMatchObject({
      status: 403,
      code: "AccessDenied",
      message: "Request is not valid yet",
    });
  });
});

describe("a presigned address is refused", () => {
  it.each([
    ["for another method", (url: string) => fetched(url, { method: "DELETE" })],
    ["for another key", (url: string) => fetched(url.replace("more", "less"))],
    ["with a longer life", (url: string) => fetched(changed(url, (query) => query.set("X-Amz-Expires", "601")))],
    ["with another parameter", (url: string) => fetched(`${url}&response-content-type=text/html`)],
    [
      "with another signature",
      (url: string) => fetched(url.replace(/(Signature=)[0-9a-f]{64}/, `$1${"0".repeat(64)}`)),
    ],
  ])("%s", async (_, ask) => {
    const url = await signedGet(await service());

    expect(await ask(url)).toMatchObject({ status: 403, code: "SignatureDoesNotMatch" });
  });

  const CREDENTIAL = "X-Amz-Credential";
  it.each([
    ["without a signature", "X-Amz-Signature", undefined, /^Query-string authentication version 4 requires/],
    ["without a date", "X-Amz-Date", undefined, /^Query-string authentication version 4 requires/],
    ["without an expiry", "X-Amz-Expires", undefined, /^Query-string authentication version 4 requires/],
    ["without a list of signed headers", "X-Amz-SignedHeaders", undefined, /^Query-string authentication version 4/],
    ["with another algorithm", "X-Amz-Algorithm", "AWS4-HMAC-SHA1", /only supports/],
    ["that lasts for more than a week", "X-Amz-Expires", "604801", /less than a week/],
    ["that lasts for less than nothing", "X-Amz-Expires", "-1", /must be non-negative/],
    ["that lasts for no number", "X-Amz-Expires", "soon", /should be a number/],
    ["with a date in another form", "X-Amz-Date", "2026-11-25", /ISO8601 Long Format/],
    ["with a credential that is none", CREDENTIAL, "AKIA", /the Credential is mal-formed/],
    ["for another service", CREDENTIAL, "AKIA/20261125/us-east-1/ec2/aws4_request", /incorrect service "ec2"/],
    ["for another day", CREDENTIAL, "AKIA/20200101/us-east-1/s3/aws4_request", /Invalid credential date "20200101"/],
  ])("%s, and told why", async (_, name, value, message) => {
    const url = await signedGet(await service());

    const answer = await fetched(
      changed(url, (query) => (value === undefined ? query.delete(name) : query.set(name, value))),
    );

    expect(answer).toMatchObject({ status: 400, code: "AuthorizationQueryParametersError" });
    expect(answer.message?.replaceAll("&quot;", '"')).toMatch(message);
  });

  it("for another region, and told the right one", async () => {
    const room = await service();
    const url = await signed(sdk(room, { region: "eu-west-1" }), new GetObjectCommand({ Bucket, Key }));

    const answer = await fetched(url);

    expect(answer).toMatchObject({ status: 400, code: "AuthorizationQueryParametersError" });
    expect(answer.text).toContain("<Region>us-east-1</Region>");
  });

  it.each([
    ["an unknown access key id", { accessKeyId: "ASIAUNKNOWNUNKNOWN00" }, 403, "InvalidAccessKeyId"],
    ["another security token", { sessionToken: "another" }, 400, "InvalidToken"],
    ["another secret", { secretAccessKey: "another" }, 403, "SignatureDoesNotMatch"],
  ])("by %s", async (_, who, status, code) => {
    const url = await signed(sdk(await service(), {}, who), new GetObjectCommand({ Bucket, Key }));

    expect(await fetched(url)).toMatchObject({ status, code });
  });

  it("beside an Authorization header: one of the two", async () => {
    const url = await signedGet(await service());

    const answer = await fetched(url, { headers: { authorization: "AWS4-HMAC-SHA256 Credential=x" } });

    expect(answer).toMatchObject({ status: 400, code: "InvalidArgument" });
    expect(answer.message).toContain("Only one auth mechanism allowed");
  });

  it("with one of AWS's headers that was not signed", async () => {
    const url = await signedGet(await service());

    const answer = await fetched(url, { headers: { "x-amz-meta-owner": "somebody" } });

    expect(answer).toMatchObject({ status: 403, code: "AccessDenied" });
    expect(answer.text).toContain("<HeadersNotSigned>x-amz-meta-owner</HeadersNotSigned>");
  });
});

it("the journal and the refusal keep the secrets of a presigned address to themselves", async () => {
  const room = await service();
  const url = await signedGet(room);
  const { pathname, search, searchParams } = new URL(url);
  const secrets = ["X-Amz-Signature", "X-Amz-Security-Token"].map((name) => searchParams.get(name) ?? "");

  await fetched(url);
  const refused = await send(room, { method: "GET", url: `${pathname}x${search}` });

  expect(refused.code).toBe("SignatureDoesNotMatch");
  const journal = JSON.stringify(room.journal.entries());
  for (const secret of secrets) expect(journal).not.toContain(secret);
  // The signature is said back, as on AWS; it is of no use to who has none of the rest.
  expect(refused.text).not.toContain(secrets[1]);
  expect(refused.text).not.toContain(encodeURIComponent(secrets[1] ?? ""));
});
