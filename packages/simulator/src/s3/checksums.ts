/**
 * The checksums that S3 verifies: `x-amz-checksum-…`, given as a header or behind the body as a trailer, reckoned while
 * the body comes in.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { crc32 } from "node:zlib";
import { CRC_JOINERS, Crc32c, Crc64Nvme } from "./crc.js";
import { S3Error } from "./errors.js";

export type ChecksumAlgorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";
export type ChecksumType = "FULL_OBJECT" | "COMPOSITE";

export interface Checksum {
  readonly algorithm: ChecksumAlgorithm;
  /** Base64; with `-N` behind it when it is made of the checksums of N parts. */
  readonly value: string;
  readonly type: ChecksumType;
}

/** Of objects whose sender names none, since December 2024. */
export const DEFAULT_ALGORITHM: ChecksumAlgorithm = "CRC64NVME";

/** Takes bytes as they come. */
export interface Digest {
  update(bytes: Uint8Array): unknown;
  digest(): Buffer;
}

class Crc32 {
  #crc = 0;

  update(bytes: Uint8Array): void {
    this.#crc = crc32(bytes, this.#crc);
  }

  digest(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(this.#crc >>> 0);
    return bytes;
  }
}

const DIGESTS: Readonly<Record<ChecksumAlgorithm, () => Digest>> = {
  CRC32: () => new Crc32(),
  CRC32C: () => new Crc32c(),
  CRC64NVME: () => new Crc64Nvme(),
  SHA1: () => createHash("sha1"),
  SHA256: () => createHash("sha256"),
};

const CHECKSUM_ALGORITHMS = Object.keys(DIGESTS) as ChecksumAlgorithm[];

const LENGTHS: Readonly<Record<ChecksumAlgorithm, number>> = {
  CRC32: 4,
  CRC32C: 4,
  CRC64NVME: 8,
  SHA1: 20,
  SHA256: 32,
};

const HEADERS = CHECKSUM_ALGORITHMS.map((algorithm) => ({ algorithm, header: checksumHeader(algorithm) }));

export function newDigest(algorithm: ChecksumAlgorithm): Digest {
  return DIGESTS[algorithm]();
}

/**
 * The checksum that a request names; whether it is right is not asked here.
 * @throws S3Error when it cannot be one, or when there are several.
 */
export function statedChecksum(headers: IncomingHttpHeaders): Checksum | undefined {
  let stated: Checksum | undefined;
  for (const { algorithm, header } of HEADERS) {
    const value = headers[header];
    if (value === undefined) continue;
    if (stated !== undefined) {
      throw new S3Error("InvalidRequest", {
        message: "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
      });
    }
    const [digest = "", parts] = String(value).split("-");
    if (!isBase64(digest, LENGTHS[algorithm])) {
      throw new S3Error("InvalidRequest", { message: `Value for ${header} header is invalid.` });
    }
    stated = { algorithm, value: String(value), type: parts === undefined ? "FULL_OBJECT" : "COMPOSITE" };
  }
  return stated;
}

/** The algorithm whose value is announced to come behind the body. */
export function announcedAlgorithm(trailer: string | undefined): ChecksumAlgorithm | undefined {
  if (trailer === undefined) return undefined;
  const names = trailer.toLowerCase().split(",");
  return HEADERS.find(({ header }) => names.some((name) => name.trim() === header))?.algorithm;
}

/**
 * The algorithm of that name, as `x-amz-checksum-algorithm` gives it.
 * @throws S3Error for one that does not exist.
 */
export function checksumAlgorithm(name: string | undefined): ChecksumAlgorithm | undefined {
  if (name === undefined) return undefined;
  const known = CHECKSUM_ALGORITHMS.find((algorithm) => algorithm === name.toUpperCase());
  if (known !== undefined) return known;
  throw new S3Error("InvalidRequest", {
    message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${CHECKSUM_ALGORITHMS.join(", ")}]`,
  });
}

const HEADER_OF = Object.fromEntries(HEADERS.map(({ algorithm, header }) => [algorithm, header])) as Readonly<
  Record<ChecksumAlgorithm, string>
>;

/** `x-amz-checksum-crc32` */
function checksumHeader(algorithm: ChecksumAlgorithm): string {
  return `x-amz-checksum-${algorithm.toLowerCase()}`;
}

export function checksumHeaders(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [HEADER_OF[checksum.algorithm]]: checksum.value, "x-amz-checksum-type": checksum.type };
}

/** The same in the body of an answer. */
export function checksumFields(checksum: Checksum | undefined): Record<string, string> {
  if (checksum === undefined) return {};
  return { [`Checksum${checksum.algorithm}`]: checksum.value, ChecksumType: checksum.type };
}

/** The checksum of an object of parts: that of the parts' checksums, one after the other. */
export function compositeChecksum(algorithm: ChecksumAlgorithm, parts: readonly string[]): Checksum {
  const digest = newDigest(algorithm);
  for (const value of parts) digest.update(Buffer.from(value, "base64"));
  return { algorithm, value: `${digest.digest().toString("base64")}-${parts.length}`, type: "COMPOSITE" };
}

/** The checksum of the whole from those of its parts, which only a CRC allows. */
export function joinedChecksum(
  algorithm: "CRC32" | "CRC32C" | "CRC64NVME",
  parts: readonly { readonly value: string; readonly size: number }[],
): Checksum {
  const joiner = CRC_JOINERS[algorithm];
  const [first, ...rest] = parts.map(({ value }): Buffer => Buffer.from(value, "base64"));
  let crc = first as Buffer;
  for (const [index, next] of rest.entries()) crc = joiner.join(crc, next, parts[index + 1]?.size ?? 0);
  return { algorithm, value: crc.toString("base64"), type: "FULL_OBJECT" };
}

export function isBase64(text: string, bytes: number): boolean {
  return /^[A-Za-z0-9+/]+={0,2}$/.test(text) && Buffer.from(text, "base64").length === bytes;
}
