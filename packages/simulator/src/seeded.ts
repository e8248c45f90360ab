/** Bytes and identifiers that follow from the seed, so that equal runs print equal ones. Nothing here protects anything real. */

import { createHash } from "node:crypto";

export function seededBytes(seed: number, purpose: string, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let block = 0; block * 64 < length; block++) {
    blocks.push(createHash("sha512").update(`${seed}/${purpose}/${block}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Upper-case letters and digits as in AWS's identifiers of keys, roles and profiles. */
export function seededBase32(seed: number, purpose: string, length: number): string {
  return [...seededBytes(seed, purpose, length)].map((byte) => BASE32[byte % 32]).join("");
}

export function seededHex(seed: number, purpose: string, length: number): string {
  return seededBytes(seed, purpose, Math.ceil(length / 2))
    .toString("hex")
    .slice(0, length);
}

/** Another seed, for something that must not go in step with the rest. */
export function seededNumber(seed: number, purpose: string): number {
  return seededBytes(seed, purpose, 4).readUInt32BE();
}

/** In the form of a random (version 4) UUID. */
export function seededUuid(seed: number, purpose: string): string {
  const bytes = seededBytes(seed, purpose, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
