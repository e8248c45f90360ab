import { randomBytes } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KeptBytes } from "../src/kept-bytes.js";

const MIB = 1_048_576;

function contentOf(kept: KeptBytes): Buffer {
  const blocks: Uint8Array[] = [];
  for (let block = kept.block(0); block !== undefined; block = kept.block(blocks.length)) blocks.push(block);
  return Buffer.concat(blocks);
}

/** The least of several readings: V8 lets go of buffers in its own time. */
async function memoryHeld(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 5; reading++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

describe("what is kept of a stream", () => {
  it("is what was read, however it was cut, until it is more than the limit", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 20_000 }), { maxLength: 40 }),
        fc.nat(300_000),
        (chunks, limit) => {
          const kept = new KeptBytes(limit);
          for (const chunk of chunks) kept.add(chunk);

          const content = Buffer.concat(chunks);
          expect(kept.overflowed).toBe(content.length > limit);
          expect(contentOf(kept).equals(kept.overflowed ? Buffer.alloc(0) : content)).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    ["tiny", 4, 4],
    ["small parts of large buffers", 16, 2048],
    ["large chunks", 65_536, 65_536],
  ])("takes no more memory than the limit when the chunks are %s", async (_, length, bufferLength) => {
    const before = await memoryHeld();

    const kept = new KeptBytes(MIB);
    for (let read = 0; read + length <= MIB; read += length) kept.add(Buffer.alloc(bufferLength).subarray(0, length));

    expect(kept.overflowed).toBe(false);
    // The rest is what the heap breathes.
    expect((await memoryHeld()) - before).toBeLessThan(1.2 * MIB);
    expect(contentOf(kept)).toHaveLength(MIB);
  });

  it("is the content of the time when it was read, even if its buffer is used again", () => {
    const kept = new KeptBytes(100);
    const buffer = randomBytes(10);
    const content = Buffer.from(buffer);

    kept.add(buffer);
    buffer.fill(0);

    expect(contentOf(kept).equals(content)).toBe(true);
  });
});
