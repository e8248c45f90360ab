/**
 * The checksums that S3 verifies: `x-amz-checksum-…`, given as a header or behind the body as a trailer.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; with `-N` behind it when it is made of the checksums of N parts. */
  readonly value: string;
  readonly type: "FULL_OBJECT" | "COMPOSITE";
}

const ALGORITHMS: Readonly<Record<ChecksumAlgorithm, (content: Uint8Array) => Buffer>> = {
  CRC32: (content) => uint32(crc32(content)),
  CRC32C: (content) => uint32(crc32c(content)),
  CRC64NVME: (content) => uint64(crc64nvme(content)),
  SHA1: (content) => createHash("sha1").update(content).digest(),
  SHA256: (content) => createHash("sha256").update(content).digest(),
};

export const CHECKSUM_ALGORITHMS = Object.keys(ALGORITHMS) as ChecksumAlgorithm[];

/** `x-amz-checksum-crc32` */
export function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function checksumOf(algorithm: ChecksumAlgorithm, content: Uint8Array): string {
  return ALGORITHMS[algorithm](content).toString("base64");
}

/** The checksum of an object of parts: that of the parts' checksums, one after the other. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): Checksum {
  const joined = Buffer.concat(parts.map((value) => Buffer.from(value, "base64")));
  return { algorithm, value: `${checksumOf(algorithm, joined)}-${parts.length}`, type: "COMPOSITE" };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

function uint64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** Castagnoli polynomial, reflected. */
const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) crc = ((CRC32C_TABLE[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

/** NVMe polynomial, reflected, as two halves of 32 bits: `bigint` arithmetic byte by byte would take seconds for a few MiB. */
const CRC64_TABLE = Array.from({ length: 256 }, (_, byte): readonly [high: number, low: number] => {
  let crc = BigInt(byte);
  for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x9a6c9329ac4bc9b5n : crc >> 1n;
  return [Number(crc >> 32n), Number(crc & 0xffffffffn)];
});
const CRC64_HIGH = Uint32Array.from(CRC64_TABLE, ([high]) => high);
const CRC64_LOW = Uint32Array.from(CRC64_TABLE, ([, low]) => low);

function crc64nvme(content: Uint8Array): bigint {
  let high = 0xffffffff;
  let low = 0xffffffff;
  for (const byte of content) {
    const index = (low ^ byte) & 0xff;
    low = (((low >>> 8) | (high << 24)) ^ (CRC64_LOW[index] as number)) >>> 0;
    high = ((high >>> 8) ^ (CRC64_HIGH[index] as number)) >>> 0;
  }
  return (BigInt(~high >>> 0) << 32n) | BigInt(~low >>> 0);
}
