/**
 * What the lanes write: bytes that follow from the key and the seed, so that whoever reads an object back knows what it
 * must hold without having kept it.
 */

import { seededRandom } from "@evertoken/core";

const SMALLEST_BYTES = 1024;
const LARGEST_BYTES = 4096;
const NOISE_BYTES = 1 << 16;

export type BytesOf = (key: string) => Buffer;

export function objectBytes(seed: number): BytesOf {
  const random = seededRandom(seed);
  const noise = Buffer.from(Array.from({ length: NOISE_BYTES + LARGEST_BYTES }, () => Math.floor(random() * 256)));
  return (key) => {
    const hash = hashOf(key);
    const start = hash % NOISE_BYTES;
    const size = SMALLEST_BYTES + (hash % (LARGEST_BYTES - SMALLEST_BYTES));
    // The key itself makes each object unlike every other.
    return Buffer.concat([Buffer.from(key), noise.subarray(start, start + size)]);
  };
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}
