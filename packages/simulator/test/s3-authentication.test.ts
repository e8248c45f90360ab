import { createHash, createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { HeadObjectCommand, ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import type { Simulator } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";
import { Dechunker } from "../src/s3/chunked.js";
import {
  canonicalRequest,
  type SignedRequest,
  type SigningContext,
  SigningKeys,
  signatureOf,
} from "../src/s3/signature.js";
import { type Document, identityOf, imdsOf, s3Of, simulated } from "./instance.js";

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

const signatureBy = (request: SignedRequest, signedHeaders: string[], context: SigningContext) =>
  signatureOf(canonicalRequest(request, signedHeaders), context);

/** Takes a framed body in pieces of `step` bytes. */
function dechunk(
  framed: Buffer,
  authenticated: { payloadHash: string; seedSignature: string; context: SigningContext },
  declared: string | undefined,
  step: number,
) {
  const data: Buffer[] = [];
  const dechunker = new Dechunker(authenticated, declared, (piece) => void data.push(piece));
  for (let at = 0; at < framed.length; at += step) void dechunker.push(framed.subarray(at, at + step));
  const trailers = dechunker.end();
  return { content: Buffer.concat(data), trailers };
}

const STEPS = [1, 7, 70_000];

describe("the signature", () => {
  it("is that of AWS's published examples", () => {
    // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    const key = new SigningKeys().get(
      "AKIAIOSFODNN7EXAMPLE",
      "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      "20130524",
      "us-east-1",
    );
    const context = { key, timestamp: "20130524T000000Z", scope: "20130524/us-east-1/s3/aws4_request" };
    const host = "examplebucket.s3.amazonaws.com";
    const empty = sha256("");
    const common = { timestamp: "20130524T000000Z", payloadHash: empty };
    const amz = { "x-amz-content-sha256": empty, "x-amz-date": "20130524T000000Z" };

    const getObject = signatureBy(
      { method: "GET", url: "/test.txt", headers: { host, range: "bytes=0-9", ...amz }, ...common },
      ["host", "range", "x-amz-content-sha256", "x-amz-date"],
      context,
    );
    const listObjects = signatureBy(
      { method: "GET", url: "/?max-keys=2&prefix=J", headers: { host, ...amz }, ...common },
      ["host", "x-amz-content-sha256", "x-amz-date"],
      context,
    );

    expect(getObject).toBe("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    expect(listObjects).toBe("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  });
});

describe("the signatures of chunks", () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and …/sigv4-streaming-trailers.html
  const timestamp = "20130524T000000Z";
  const key = new SigningKeys().get(
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "20130524",
    "us-east-1",
  );
  const context = { key, timestamp, scope: "20130524/us-east-1/s3/aws4_request" };
  const seedOf = (payloadHash: string, more: Record<string, string>) => {
    const headers = {
      host: "s3.amazonaws.com",
      "content-encoding": "aws-chunked",
      "x-amz-content-sha256": payloadHash,
      "x-amz-date": timestamp,
      "x-amz-decoded-content-length": "66560",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      ...more,
    };
    const request = { method: "PUT", url: "/examplebucket/chunkObject.txt", headers, timestamp, payloadHash };
    return signatureBy(request, Object.keys(headers).sort(), context);
  };
  const frame = (signatures: string[], end: string) => {
    const sizes = [65_536, 1024, 0];
    const chunks = sizes.map((size, at) => {
      const head = `${size.toString(16)};chunk-signature=${signatures[at]}\r\n`;
      return `${head}${"a".repeat(size)}${size === 0 ? "" : "\r\n"}`;
    });
    return Buffer.from(`${chunks.join("")}${end}\r\n`);
  };

  it.each(STEPS)("are those of AWS's published example, whatever the pieces (%i bytes)", (step) => {
    const payloadHash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    const seedSignature = seedOf(payloadHash, { "content-length": "66824" });
    const framed = frame(
      [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
      ],
      "",
    );

    expect(seedSignature).toBe("4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
    expect(dechunk(framed, { payloadHash, seedSignature, context }, undefined, step).content).toHaveLength(66_560);
  });

  it.each(STEPS)("are those of AWS's published example with a trailer (%i bytes)", (step) => {
    const payloadHash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    const trailer = "x-amz-checksum-crc32c";
    const seedSignature = seedOf(payloadHash, { "x-amz-trailer": trailer });
    const framed = frame(
      [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
      ],
      `${trailer}:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n`,
    );

    expect(seedSignature).toBe("106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
    expect(dechunk(framed, { payloadHash, seedSignature, context }, trailer, step).trailers[trailer]).toBe("sOO8/Q==");
  });
});

describe("a request is refused", () => {
  it.each([
    ["with another secret", { secretAccessKey: "wrong" }, "SignatureDoesNotMatch", 403],
    ["with another security token", { sessionToken: "wrong" }, "InvalidToken", 400],
    ["with an unknown access key id", { accessKeyId: "ASIAUNKNOWNUNKNOWN00" }, "InvalidAccessKeyId", 403],
  ])("%s", async (_, change, name, httpStatusCode) => {
    const { simulator } = await simulated();
    const credentials = { ...identityOf(await imdsOf(simulator).credentials()), ...change };
    const s3 = await s3Of(simulator, { credentials });

    await expect(s3.send(new ListBucketsCommand())).rejects.toMatchObject({ name, $metadata: { httpStatusCode } });
  });

  it("when it is signed for another region, and is told the right one", async () => {
    const { simulator } = await simulated();
    const s3 = await s3Of(simulator, { region: "eu-west-1" });

    await expect(s3.send(new ListBucketsCommand())).rejects.toMatchObject({
      name: "AuthorizationHeaderMalformed",
      Region: "us-east-1",
    });
  });

  it("when its clock is more than fifteen minutes off, and is told the time", async () => {
    const { simulator, clock } = await simulated();
    const s3 = await s3Of(simulator);

    await clock.advance(14 * 60_000);
    await s3.send(new ListBucketsCommand());
    await clock.advance(2 * 60_000);
    // The SDK learned the skew from the first answer, so a client that has not is needed.
    const other = await s3Of(simulator);

    await expect(other.send(new ListBucketsCommand())).rejects.toMatchObject({
      name: "RequestTimeTooSkewed",
      ServerTime: expect.stringMatching(/Z$/),
    });
  });

  it("when it is not signed", async () => {
    const { simulator } = await simulated();

    const answer = await fetch(`${simulator.s3Url}/reports/key`);

    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("<Code>AccessDenied</Code>");
  });

  it.each([
    ["Bearer token", "InvalidArgument"],
    ["AWS4-HMAC-SHA256 Credential=x", "AuthorizationHeaderMalformed"],
    ["AWS AKIA:signature", "InvalidRequest"],
  ])("when its Authorization is %j (%s)", async (authorization, code) => {
    const { simulator } = await simulated();

    const answer = await fetch(simulator.s3Url, { headers: { authorization } });

    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain(`<Code>${code}</Code>`);
  });

  it("without a word in the body when it is a HEAD", async () => {
    const { simulator } = await simulated();
    const s3 = await s3Of(simulator);
    simulator.fault("credentials-revoked");

    const error = await s3.send(new HeadObjectCommand({ Bucket: "reports", Key: "key" })).catch((thrown) => thrown);

    expect(error.$metadata.httpStatusCode).toBe(400);
    expect(error.name).not.toBe("ExpiredToken");
  });
});

/** A signer of its own: the SDK never sends the chunk-signed form, which older clients do. */
function chunkSigned(simulator: Simulator, { AccessKeyId, SecretAccessKey, Token }: Document, chunks: Buffer[]) {
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const date = timestamp.slice(0, 8);
  const scope = `${date}/us-east-1/s3/aws4_request`;
  const step = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const key = step(step(step(step(`AWS4${SecretAccessKey}`, date), "us-east-1"), "s3"), "aws4_request");
  const hex = (text: string) => createHmac("sha256", key).update(text).digest("hex");
  const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  const headers: Record<string, string> = {
    "content-encoding": "aws-chunked",
    host: new URL(simulator.s3Url).host,
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "x-amz-date": timestamp,
    "x-amz-decoded-content-length": String(length),
    "x-amz-security-token": Token,
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    "PUT",
    "/reports/chunked",
    "",
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  ].join("\n");
  const seed = hex(["AWS4-HMAC-SHA256", timestamp, scope, sha256(canonical)].join("\n"));
  let previous = seed;
  const framed = [...chunks, Buffer.alloc(0)].map((chunk) => {
    previous = hex(["AWS4-HMAC-SHA256-PAYLOAD", timestamp, scope, previous, sha256(""), sha256(chunk)].join("\n"));
    const head = `${chunk.length.toString(16)};chunk-signature=${previous}\r\n`;
    return Buffer.concat([Buffer.from(head), chunk, Buffer.from("\r\n")]);
  });
  const authorization = `AWS4-HMAC-SHA256 Credential=${AccessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${seed}`;
  return { headers: { ...headers, authorization }, body: Buffer.concat(framed) };
}

function send(
  simulator: Simulator,
  headers: Record<string, string>,
  body: Buffer,
): Promise<{ status?: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${simulator.s3Url}/reports/chunked`, {
      method: "PUT",
      headers: { ...headers, "content-length": body.length },
    });
    outgoing.on("error", reject);
    outgoing.on("response", async (incoming) => {
      let text = "";
      for await (const chunk of incoming) text += chunk;
      resolve({ status: incoming.statusCode ?? 0, text });
    });
    outgoing.end(body);
  });
}

describe("a body signed chunk by chunk", () => {
  const chunks = [Buffer.alloc(65_536, "a"), Buffer.from("the rest")];

  it("arrives whole", async () => {
    const { simulator, imds } = await simulated();
    const { headers, body } = chunkSigned(simulator, await imds.credentials(), chunks);

    expect(await send(simulator, headers, body)).toMatchObject({ status: 200 });
  });

  it("is refused when a chunk was changed on the way", async () => {
    const { simulator, imds } = await simulated();
    const { headers, body } = chunkSigned(simulator, await imds.credentials(), chunks);
    body[1000] = 0;

    const { status, text } = await send(simulator, headers, body);

    expect(status).toBe(403);
    expect(text).toContain("SignatureDoesNotMatch");
  });

  it("is refused when it ends early", async () => {
    const { simulator, imds } = await simulated();
    const { headers, body } = chunkSigned(simulator, await imds.credentials(), chunks);

    const { status, text } = await send(simulator, headers, body.subarray(0, 1000));

    expect(status).toBe(400);
    expect(text).toContain("IncompleteBody");
  });
});

describe("a request that asks before it sends its body", () => {
  /** Sends the head only and gives back what comes first. */
  const ask = (simulator: Simulator, head: string[]) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(simulator.s3Url);
      const socket = connect(Number(port), hostname, () => socket.write(`${head.join("\r\n")}\r\n\r\n`));
      socket.on("error", reject);
      socket.once("data", (bytes) => {
        socket.destroy();
        resolve(bytes.toString().split("\r\n")[0] ?? "");
      });
    });
  const headOf = (headers: Record<string, string>) => [
    "PUT /reports/chunked HTTP/1.1",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    "content-length: 100000",
    "expect: 100-continue",
  ];

  it("is told to go on when its credentials are good", async () => {
    const { simulator, imds } = await simulated();
    const { headers } = chunkSigned(simulator, await imds.credentials(), []);

    expect(await ask(simulator, headOf(headers))).toBe("HTTP/1.1 100 Continue");
  });

  it("is refused before a byte of it was sent when they are not", async () => {
    const { simulator, imds } = await simulated();
    const { headers } = chunkSigned(simulator, await imds.credentials(), []);
    simulator.fault("credentials-revoked");

    expect(await ask(simulator, headOf(headers))).toBe("HTTP/1.1 400 Bad Request");
  });
});

describe("what S3 says", () => {
  it("never holds a secret, not even where S3's own answer does", async () => {
    const { simulator, imds } = await simulated();
    const { headers, body } = chunkSigned(simulator, await imds.credentials(), [Buffer.from("x")]);
    const { SecretAccessKey, Token } = await imds.credentials();
    simulator.fault("credentials-revoked");

    const { text } = await send(simulator, headers, body);

    expect(text).toContain("<Code>ExpiredToken</Code>");
    for (const secret of [SecretAccessKey, Token]) {
      expect(text).not.toContain(secret);
      expect(JSON.stringify(simulator.journal.entries())).not.toContain(secret);
    }
  });

  it("is told to a client that is still sending", async () => {
    const { simulator } = await simulated();
    const s3 = await s3Of(simulator);
    simulator.fault("credentials-revoked");
    const large = Buffer.alloc(1_500_000, "x");

    const write = s3.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: large }));

    await expect(write).rejects.toMatchObject({ name: "ExpiredToken" });
  });

  it("to nonsense is an error document, and the next request is answered", async () => {
    const { simulator } = await simulated();
    for (const path of ["/%zz", "/a/%00?%zz=1", "/?acl", "//", "/..;/x"]) {
      const answer = await fetch(`${simulator.s3Url}${path}`, { headers: { authorization: "nonsense" } });
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(await answer.text()).toContain("<Error><Code>");
    }

    await expect((await s3Of(simulator)).send(new ListBucketsCommand())).resolves.toBeTruthy();
  });
});
