import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput } from "@aws-sdk/client-s3";
import { BodyNotReplayableError } from "@evertoken/pool";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { everNewKeeper, ok, poolAt, says, serviceThatSays, simulatedPool } from "./service.js";

const Bucket = "reports";
const MIB = 1_048_576;

async function fileOf(content: Uint8Array): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "evertoken-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "body"), content);
  return join(folder, "body");
}

/** In pieces, as a socket would give them. */
function* pieces(content: Uint8Array, length = 16_384): Generator<Uint8Array> {
  for (let start = 0; start < content.length; start += length) yield content.subarray(start, start + length);
}

const webStream = (content: Uint8Array) => {
  const source = pieces(content);
  return new ReadableStream({
    pull(controller) {
      const { value, done } = source.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
};

type Body = NonNullable<PutObjectCommandInput["Body"]>;
const kinds: [string, (content: Uint8Array) => Body | Promise<Body>][] = [
  ["text", (content) => Buffer.from(content).toString("latin1")],
  ["a buffer", (content) => Buffer.from(content)],
  ["a typed array, a part of a larger one", (content) => new Uint8Array([9, ...content, 9]).subarray(1, -1)],
  ["a Blob", (content) => new Blob([Buffer.from(content)])],
  ["a stream", (content) => Readable.from(pieces(content))],
  ["a web stream", webStream],
  ["a file", async (content) => createReadStream(await fileOf(content))],
  [
    "a part of a file",
    async (content) =>
      createReadStream(await fileOf(Buffer.concat([Buffer.of(9), content, Buffer.of(9)])), {
        start: 1,
        end: content.length,
      }),
  ],
];

describe("the body of a request that is replayed", () => {
  it.each(kinds)("may be %s, and arrives whole", async (_, make) => {
    const content = Buffer.from("content ".repeat(10_000));
    const { simulator, pool } = await simulatedPool();
    await pool.send(new PutObjectCommand({ Bucket, Key: "other", Body: "warm" }));
    simulator.fault("credentials-revoked");

    await pool.send(
      new PutObjectCommand({ Bucket, Key: "key", Body: await make(content), ContentLength: content.length }),
    );

    const { Body } = await pool.send(new GetObjectCommand({ Bucket, Key: "key" }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1, surfaced: 0 });
  });

  it.each(kinds.filter(([kind]) => /file|Blob/.test(kind)))(
    "may be %s of any size, because it is read anew",
    async (_, make) => {
      const content = randomBytes(3 * MIB);
      const { simulator, pool } = await simulatedPool();
      await pool.send(new PutObjectCommand({ Bucket, Key: "other", Body: "warm" }));
      simulator.fault("credentials-revoked");

      await pool.send(
        new PutObjectCommand({ Bucket, Key: "key", Body: await make(content), ContentLength: content.length }),
      );

      const { Body } = await pool.send(new GetObjectCommand({ Bucket, Key: "key" }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(content)).toBe(true);
      expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1 });
    },
  );

  it("is sent again without a word on the console", async () => {
    const warned: unknown[] = [];
    const warn = vi.spyOn(console, "warn").mockImplementation((...said) => void warned.push(said));
    onTestFinished(() => warn.mockRestore());
    const pool = poolAt((await serviceThatSays(says(400, "ExpiredToken"), ok)).url, everNewKeeper());

    await pool.send(
      new PutObjectCommand({ Bucket, Key: "key", Body: Readable.from([Buffer.from("content")]), ContentLength: 7 }),
    );

    expect(pool.stats().replayed).toBe(1);
    expect(warned).toEqual([]);
  });

  it("arrives whole when it is refused while a chunk is being read that is too much to keep", async () => {
    const bodies: string[] = [];
    const server = createServer((incoming, outgoing) => {
      const first = bodies.push("") === 1;
      incoming.on("data", (chunk: Buffer) => {
        bodies[bodies.length - 1] += chunk.toString();
        if (first && !outgoing.headersSent) says(400, "ExpiredToken")(incoming, outgoing);
      });
      incoming.on("end", () => first || ok(incoming, outgoing));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pool = poolAt(url, everNewKeeper(), { replayBufferBytes: 10 });
    const replayed = new Promise((resolve) => pool.on("replayed", resolve));
    const chunks = ["first, ", "second, ", "third"];
    const slow = new ReadableStream({
      async pull(controller) {
        if (chunks.length === 2) await replayed;
        controller.enqueue(Buffer.from(chunks.shift() ?? ""));
        if (chunks.length === 0) controller.close();
      },
    });

    await pool.send(new PutObjectCommand({ Bucket, Key: "key", Body: slow, ContentLength: 20 }));

    expect(bodies[0]).toContain("first, ");
    expect(bodies[1]).toMatch(/first, .*second, .*third/s);
  });

  it("may be an empty one", async () => {
    const { simulator, pool } = await simulatedPool();
    await pool.send(new PutObjectCommand({ Bucket, Key: "other", Body: "warm" }));
    simulator.fault("credentials-revoked");

    await pool.send(new PutObjectCommand({ Bucket, Key: "key" }));

    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1 });
  });

  it("may be a large stream when the service refuses it before it is sent", async () => {
    const content = randomBytes(4 * MIB);
    const bodies: Buffer[] = [];
    let asked = 0;
    const server = createServer((incoming, outgoing) => void outgoing.writeHead(500).end(incoming.method));
    server.on("checkContinue", (incoming, outgoing) => {
      asked += 1;
      if (asked === 1) return says(400, "ExpiredToken")(incoming, outgoing);
      outgoing.writeContinue();
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        bodies.push(Buffer.concat(chunks));
        outgoing.writeHead(200, { etag: '"e"' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const pool = poolAt(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, everNewKeeper());

    await pool.send(
      new PutObjectCommand({ Bucket, Key: "key", Body: Readable.from(pieces(content)), ContentLength: content.length }),
    );

    expect(asked).toBe(2);
    // The SDK frames it in chunks of its own; what was framed is in it, from the first byte on.
    expect(bodies[0]?.length).toBeGreaterThan(content.length);
    expect(bodies[0]?.includes(content.subarray(0, 1000))).toBe(true);
    expect(bodies[0]?.includes(content.subarray(-1000))).toBe(true);
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1 });
  });

  it("may not be a stream of which more has been read than is kept: the caller learns why, and the next one is good", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), ok);
    const pool = poolAt(service.url, everNewKeeper(), { replayBufferBytes: 20_000 });
    const content = randomBytes(100_000);
    const source = Readable.from(pieces(content));
    const send = (stream: Readable) =>
      pool.send(new PutObjectCommand({ Bucket, Key: "key", Body: stream, ContentLength: content.length }));

    const error = await send(source).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(BodyNotReplayableError);
    expect(error).toMatchObject({
      code: "BODY_NOT_REPLAYABLE",
      cause: expect.objectContaining({ name: "ExpiredToken" }),
    });
    expect(pool.stats()).toMatchObject({ replayed: 0, surfaced: 1 });
    expect(source.destroyed).toBe(true);
    await expect(send(Readable.from(pieces(content)))).resolves.toBeTruthy();
  });
});
