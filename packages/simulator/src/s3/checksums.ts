/**
 * The checksums that S3 verifies: `x-amz-checksum-…`, given as a header or behind the body as a trailer.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { crc32 } from "node:zlib";
import { S3Error } from "./errors.js";

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

const CHECKSUM_ALGORITHMS = Object.keys(ALGORITHMS) as ChecksumAlgorithm[];

const LENGTHS: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

const HEADERS = CHECKSUM_ALGORITHMS.map((algorithm) => ({ algorithm, header: checksumHeader(algorithm) }));

/**
 * The checksum that a request names; whether it is right is not asked here.
 * @throws S3Error when it cannot be one, or when there are several.
 */
export function statedChecksum(headers: IncomingHttpHeaders): Checksum | undefined {
  let stated: Checksum | undefined;
  for (const { algorithm, header } of HEADERS) {
    const value = headers[header];
    if (value === undefined) continue;
    if (stated !== undefined)
      throw new S3Error("InvalidRequest", { message: "Expecting a single x-amz-checksum- header" });
    const [digest = "", parts] = String(value).split("-");
    if (Buffer.from(digest, "base64").length !== LENGTHS[algorithm]) {
      throw new S3Error("InvalidRequest", { message: `Value for ${header} header is invalid.` });
    }
    stated = { algorithm, value: String(value), type: parts === undefined ? "FULL_OBJECT" : "COMPOSITE" };
  }
  return stated;
}

/**
 * The algorithm of that name, as `x-amz-checksum-algorithm` gives it.
 * @throws S3Error for one that does not exist.
 */
export function checksumAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const known = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name);
  if (known !== undefined) return known;
  throw new S3Error("InvalidRequest", {
    message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(", ")}]`,
  });
}

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
