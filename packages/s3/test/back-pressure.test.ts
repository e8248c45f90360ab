/** Who is slow makes the other side wait, instead of the process keep everything: downloads and uploads, in both lanes. */

import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, it, vi } from "vitest";
import { LANES, poolAt } from "./lanes.js";
import { answers, rawService } from "./raw-service.js";

const MIB = 1024 * 1024;
const SIZE = 128 * MIB;
/** What the host's sockets may hold on both sides, and streams on the way. */
const ON_THE_WAY = 24 * MIB;
const CHUNK = Buffer.alloc(64 * 1024, "x");
const OF_OBJECT = { Bucket: "reports", Key: "key" };

/** Gives `/large` as fast as it is taken, and anything else a short answer. */
async function largeService() {
  let sent = 0;
  const service = await rawService(async (exchange) => {
    if (!exchange.head.includes("/large")) return answers()(exchange);
    exchange.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`);
    for (sent = 0; sent < SIZE && !exchange.socket.destroyed; sent += CHUNK.byteLength) {
      await written(exchange.socket);
    }
  });
  return { service, sent: () => sent };
}

const written = (socket: Socket) =>
  new Promise<void>((resolve) => {
    socket.once("close", resolve);
    socket.write(CHUNK, () => {
      socket.off("close", resolve);
      resolve();
    });
  });

/** Waits until `count` stands still. */
async function standingStill(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return count();
}

const getLarge = new GetObjectCommand({ Bucket: "reports", Key: "large" });

describe.each(LANES)("in the %s lane,", (lane) => {
  const poolOn = (url: string, options = {}) =>
    poolAt(url, { fastLane: lane === "fast", maxConnections: 1, ...options });

  it("a download waits for who reads it, and comes whole", async () => {
    const { service, sent } = await largeService();
    const pool = poolOn(service.url);

    const { Body } = await pool.send(getLarge);
    expect(await standingStill(sent)).toBeLessThan(ON_THE_WAY);

    let received = 0;
    let most = 0;
    for await (const chunk of Body as Readable) {
      received += (chunk as Buffer).byteLength;
      most = Math.max(most, sent() - received);
      await new Promise(setImmediate);
    }
    expect(received).toBe(SIZE);
    expect(most).toBeLessThan(ON_THE_WAY);
  });

  it("a download that is left half way gives its connection free", async () => {
    const { service, sent } = await largeService();
    const pool = poolOn(service.url);

    for (const leave of [leaveByDestroying, leaveByBreaking, leaveByCancelling]) {
      const { Body } = await pool.send(getLarge);
      await leave(Body as Readable & { transformToWebStream(): ReadableStream });
      await expect(pool.send(new PutObjectCommand({ ...OF_OBJECT, Body: "content" }))).resolves.toBeTruthy();
    }

    expect(sent()).toBeLessThan(SIZE);
    await expect.poll(() => service.open).toBeLessThanOrEqual(1);
  });

  it("an upload waits for the service to take it", async () => {
    // The SDK lane warns of streams that cannot be sent again.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const service = await rawService(async ({ socket }) => {
      socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      await new Promise((resolve) => socket.once("close", resolve));
    });
    const pool = poolOn(service.url);
    let taken = 0;
    const source = function* () {
      for (; taken < SIZE; taken += CHUNK.byteLength) yield CHUNK;
    };
    const caller = new AbortController();
    const large = new PutObjectCommand({ ...OF_OBJECT, Body: Readable.from(source()), ContentLength: SIZE });
    const sending = pool.send(large, { abortSignal: caller.signal }).catch((error: Error) => error.name);
    await expect.poll(() => taken).toBeGreaterThan(0);

    const stoodStillAt = await standingStill(() => taken);
    caller.abort();

    expect(stoodStillAt).toBeLessThan(ON_THE_WAY);
    expect(await sending).toBe("AbortError");
  });
});

async function leaveByDestroying(body: Readable): Promise<void> {
  body.destroy();
}

async function leaveByBreaking(body: Readable): Promise<void> {
  for await (const _ of body) break;
}

async function leaveByCancelling(body: { transformToWebStream(): ReadableStream }): Promise<void> {
  const reader = body.transformToWebStream().getReader();
  await reader.read();
  await reader.cancel();
}
