/** The objects that are read and written, whoever reads, writes or serves them. */

import { seededRandom } from "@evertoken/core";

/** Requests above this are "large": a server may not answer them before it has read them. */
export const LARGE_BYTES = 64 * 1024;

/** The discarding target knows by this folder how much to answer. */
export const readFolder = (sizeBytes: number) => `read-${sizeBytes}`;

/** Bytes that nothing would compress, and the same in each process. */
export function objectBytes(sizeBytes: number): Buffer {
  const random = seededRandom(sizeBytes);
  const pattern = Buffer.alloc(Math.min(sizeBytes, LARGE_BYTES));
  for (let at = 0; at < pattern.length; at++) pattern[at] = random() * 256;
  return Buffer.alloc(sizeBytes, pattern);
}
