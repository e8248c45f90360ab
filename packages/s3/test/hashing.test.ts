/** Large bodies are hashed in a thread, which nobody sees but the event loop. */

import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, it, onTestFinished } from "vitest";
import { HashingThread } from "../dist/fast-lane/hashing.js";
import { BUCKETS, bothLanesForThisTest } from "./lanes.js";

const MIB = 1_048_576;

/** One that has come up. */
async function threadForThisTest(): Promise<HashingThread> {
  const thread = new HashingThread();
  onTestFinished(() => thread.end());
  while (thread.hash(new Uint8Array(1), false) === undefined) await pause(5);
  return thread;
}

describe("the thread that hashes", () => {
  it("gives the hashes of bodies of any length, of many at a time", async () => {
    const thread = await threadForThisTest();
    const bodies = [1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2.5 * MIB, 64, 300_000].map((length) => randomBytes(length));

    const hashes = await Promise.all(bodies.map((body, index) => thread.hash(body, index % 2 === 0)));

    expect(hashes).toEqual(
      bodies.map((body, index) => ({
        sha256: createHash("sha256").update(body).digest("hex"),
        crc32: index % 2 === 0 ? crc32(body) : undefined,
      })),
    );
  });

  it("leaves the hashing to others before it has come up, and when it cannot", async () => {
    const impossible = new HashingThread(new URL("nowhere.js", import.meta.url));

    expect(impossible.hash(new Uint8Array(1), true)).toBeUndefined();
    await pause(100);
    expect(impossible.hash(new Uint8Array(1), true)).toBeUndefined();
  });

  it("leaves nobody waiting when it ends", async () => {
    const thread = await threadForThisTest();
    const waiting = Array.from({ length: 20 }, () => thread.hash(randomBytes(MIB), true));

    await thread.end();

    // Some were done before.
    expect(await Promise.all(waiting)).toContain(undefined);
    expect(thread.hash(new Uint8Array(1), true)).toBeUndefined();
  });

  it("keeps a process until it has answered, and no longer", async () => {
    const script = `
      const { HashingThread } = await import(${JSON.stringify(new URL("../dist/fast-lane/hashing.js", import.meta.url))});
      const thread = new HashingThread();
      while (thread.hash(new Uint8Array(1), false) === undefined) await new Promise((go) => setTimeout(go, 5));
      thread.hash(new Uint8Array(${8 * MIB}), true).then(({ crc32 }) => console.log(crc32));
    `;

    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);

    expect(stdout).toBe(`${crc32(new Uint8Array(8 * MIB))}\n`);
  });
});

describe.skipIf(availableParallelism() < 2)("a pool that sends many large bodies", () => {
  it("has one thread for them from then on, and none when it is closed", async () => {
    const threads: Worker[] = [];
    const gone: Worker[] = [];
    let isOnline: Promise<unknown> = Promise.resolve();
    const see = (thread: Worker) => {
      threads.push(thread);
      isOnline = once(thread, "online");
      thread.once("exit", () => gone.push(thread));
    };
    process.on("worker", see);
    onTestFinished(() => void process.off("worker", see));
    const { pools } = await bothLanesForThisTest();
    const Bucket = BUCKETS.fast;
    const bodies = new Map(Array.from({ length: 12 }, (_, index) => [`key-${index}`, randomBytes(MIB + index)]));
    const round = () =>
      Promise.all([...bodies].map(([Key, Body]) => pools.fast.send(new PutObjectCommand({ Bucket, Key, Body }))));

    await round();
    await isOnline;
    await round();
    // It has come up by now: what it hashes, the service checks.
    await round();

    for (const [Key, Body] of bodies) {
      const { Body: stored } = await pools.fast.send(new GetObjectCommand({ Bucket, Key }));
      expect(Body.equals((await stored?.transformToByteArray()) ?? new Uint8Array())).toBe(true);
    }
    expect(pools.fast.stats().lanes).toMatchObject({ fast: 48, handedOver: 0, sdk: 0 });
    expect(threads).toHaveLength(1);
    await pools.fast.close();
    expect(gone).toEqual(threads);
  });
});
