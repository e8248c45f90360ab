/** The checksums of what goes up and of what comes down: chosen, computed and compared as the SDK does. */

import { GetObjectCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import type { S3PoolOptions } from "@evertoken/s3";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { inBothLanes } from "./lanes.js";
import { answers } from "./raw-service.js";

const OF_OBJECT = { Bucket: "reports", Key: "key" };

/** Of the text `content`, by other programs than ours and the SDK's. */
const OF_CONTENT = {
  CRC32: "/sUwqQ==",
  CRC32C: "Ya91Mw==",
  CRC64NVME: "lhVdXyVQTGE=",
  SHA1: "BA8G/XdAkkeNRQd09bowxdp4rMg=",
  SHA256: "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M=",
} as const;
type Algorithm = keyof typeof OF_CONTENT;
const ALGORITHMS = Object.keys(OF_CONTENT) as Algorithm[];
const headerOf = (algorithm: Algorithm) => `x-amz-checksum-${algorithm.toLowerCase()}`;

const OF_CHECKSUMS = /^(x-amz-(sdk-)?checksum|content-md5|x-amz-content-sha256)/i;

/** What a request says of checksums. */
function saidOf(head: string | undefined): Record<string, string> {
  const lines = (head ?? "").split("\r\n").filter((line) => OF_CHECKSUMS.test(line));
  return Object.fromEntries(lines.map((line) => line.split(": ") as [string, string]));
}

/** In both lanes the same, and in the fast one indeed. */
async function saidByBoth(command: object, options?: S3PoolOptions) {
  const { fast, sdk } = await inBothLanes([answers()], (pool) => pool.send(command as never), options);
  expect(saidOf(fast.heads[0])).toEqual(saidOf(sdk.heads[0]));
  expect(fast.lanes).toMatchObject({ fast: 1, handedOver: 0, sdk: 0 });
  return saidOf(fast.heads[0]);
}

const put = (more: object = {}) => new PutObjectCommand({ ...OF_OBJECT, Body: "content", ...more });
const putPart = (more: object = {}) =>
  new UploadPartCommand({ ...OF_OBJECT, UploadId: "upload", PartNumber: 1, Body: Buffer.from("content"), ...more });

describe.each([
  ["an object", put],
  ["a part", putPart],
])("%s that goes up", (_, upload) => {
  const content = { "x-amz-content-sha256": expect.stringMatching(/^[0-9a-f]{64}$/) };

  it("carries a CRC32 when nothing else is said", async () => {
    expect(await saidByBoth(upload())).toEqual({
      ...content,
      "x-amz-sdk-checksum-algorithm": "CRC32",
      "x-amz-checksum-crc32": OF_CONTENT.CRC32,
    });
  });

  it("carries none when it is only to where it must", async () => {
    expect(await saidByBoth(upload(), { requestChecksumCalculation: "WHEN_REQUIRED" })).toEqual(content);
  });

  it("carries none when the environment says so", async () => {
    process.env.AWS_REQUEST_CHECKSUM_CALCULATION = "WHEN_REQUIRED";
    onTestFinished(() => {
      delete process.env.AWS_REQUEST_CHECKSUM_CALCULATION;
    });

    expect(await saidByBoth(upload())).toEqual(content);
  });

  it.each(
    ALGORITHMS.flatMap((algorithm) => [[algorithm, "WHEN_SUPPORTED"] as const, [algorithm, "WHEN_REQUIRED"] as const]),
  )("carries the %s that is asked for, %s", async (algorithm, requestChecksumCalculation) => {
    const said = await saidByBoth(upload({ ChecksumAlgorithm: algorithm }), { requestChecksumCalculation });

    expect(said).toEqual({
      ...content,
      "x-amz-sdk-checksum-algorithm": algorithm,
      [headerOf(algorithm)]: OF_CONTENT[algorithm],
    });
  });

  it.each(ALGORITHMS)("carries the %s that the caller has computed, and no other", async (algorithm) => {
    const said = await saidByBoth(upload({ [`Checksum${algorithm}`]: "given" }));

    expect(said).toEqual({ ...content, [headerOf(algorithm)]: "given" });
  });

  it.each([
    ["nothing", undefined],
    ["empty text", ""],
    ["no bytes", new Uint8Array()],
    ["text that is not ASCII", "Grüße"],
    ["a part of a larger memory", new Uint8Array(Buffer.from("a content b").buffer).subarray(3, 7)],
    ["numbers of two bytes", new Uint16Array([1, 2, 3])],
    ["a view", new DataView(new ArrayBuffer(5))],
    ["memory", new ArrayBuffer(5)],
  ])("is %s all the same", async (__, Body) => {
    // The SDK lane warns of nothing as of a body of unknown length.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    for (const ChecksumAlgorithm of ALGORITHMS) await saidByBoth(upload({ Body, ChecksumAlgorithm }));
    await saidByBoth(upload({ Body }));
  });
});

describe("an object that comes down", () => {
  const get = (more: object = {}) => new GetObjectCommand({ ...OF_OBJECT, ...more });
  const MISMATCH = /Checksum mismatch: expected "d3Jvbmc=" but received/;

  /** Its text, or what the caller is told when it is read. */
  async function read(headers: Readonly<Record<string, string>>, command = get(), options: S3PoolOptions = {}) {
    const { fast, sdk } = await inBothLanes(
      [answers({ body: "content", headers })],
      async (pool) => (await pool.send(command)).Body?.transformToString().catch((error: Error) => error.message),
      options,
    );
    expect(fast.result).toBe(sdk.result);
    expect(saidOf(fast.heads[0])).toEqual(saidOf(sdk.heads[0]));
    expect(fast.lanes).toMatchObject({ fast: 1, handedOver: 0, sdk: 0 });
    return { text: fast.result, asked: saidOf(fast.heads[0])["x-amz-checksum-mode"] };
  }

  it.each(ALGORITHMS)("is checked against the %s that comes with it", async (algorithm) => {
    const header = headerOf(algorithm);

    expect(await read({ [header]: OF_CONTENT[algorithm] })).toEqual({ text: "content", asked: "ENABLED" });
    expect(await read({ [header]: "d3Jvbmc=" })).toMatchObject({ text: expect.stringMatching(MISMATCH) });
  });

  it("is checked only where it must be, when it is to be so", async () => {
    const wrong = { "x-amz-checksum-crc32": "d3Jvbmc=" };
    const options: S3PoolOptions = { responseChecksumValidation: "WHEN_REQUIRED" };

    expect(await read(wrong, get(), options)).toEqual({ text: "content", asked: undefined });
    expect(await read(wrong, get({ ChecksumMode: "ENABLED" }), options)).toEqual({
      text: expect.stringMatching(MISMATCH),
      asked: "ENABLED",
    });
  });

  it("is not checked when the environment says so", async () => {
    process.env.AWS_RESPONSE_CHECKSUM_VALIDATION = "WHEN_REQUIRED";
    onTestFinished(() => {
      delete process.env.AWS_RESPONSE_CHECKSUM_VALIDATION;
    });

    expect(await read({ "x-amz-checksum-crc32": "d3Jvbmc=" })).toEqual({ text: "content", asked: undefined });
  });

  it("is not checked against the checksum of its parts' checksums", async () => {
    expect(await read({ "x-amz-checksum-crc32": "d3Jvbmc=-3" })).toMatchObject({ text: "content" });
  });

  it.each([
    ["two", { "x-amz-checksum-sha256": OF_CONTENT.SHA256, "x-amz-checksum-crc32": "d3Jvbmc=" }],
    ["two, the other wrong", { "x-amz-checksum-sha256": "d3Jvbmc=", "x-amz-checksum-crc32": OF_CONTENT.CRC32 }],
    [
      "one of its parts and one of its own",
      { "x-amz-checksum-sha256": "d3Jvbmc=-2", "x-amz-checksum-crc32": OF_CONTENT.CRC32 },
    ],
    ["one that nobody knows", { "x-amz-checksum-md4": "d3Jvbmc=" }],
    ["an empty one", { "x-amz-checksum-crc32": "" }],
  ])("with %s is judged as the SDK does", async (_, headers) => {
    await read(headers);
  });

  it("without a checksum is taken as it is", async () => {
    expect(await read({})).toMatchObject({ text: "content" });
  });
});
