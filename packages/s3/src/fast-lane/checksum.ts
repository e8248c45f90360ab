/**
 * The checksums that S3 and the SDK know, of bytes at hand and of bytes as they come.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
 */

import { createHash, hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { Crc32c, Crc64Nvme } from "@aws-sdk/checksums/crc";

export type Algorithm = "CRC32" | "CRC32C" | "CRC64NVME" | "SHA1" | "SHA256";

/** A checksum of bytes that come one after the other. */
export interface RunningChecksum {
  update(bytes: Uint8Array): void;
  /** In base64. */
  digest(): string | Promise<string>;
}

/** How a CRC32 stands in a header. */
export function base64Of32Bits(value: number): string {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes.toString("base64");
}

class RunningCrc32 implements RunningChecksum {
  #value = 0;

  update(bytes: Uint8Array): void {
    this.#value = crc32(bytes, this.#value);
  }

  digest(): string {
    return base64Of32Bits(this.#value);
  }
}

/** By one of the SDK's classes. */
class SdkChecksum implements RunningChecksum {
  readonly #sdk: { update(bytes: Uint8Array): void; digest(): Promise<Uint8Array> };

  constructor(sdk: { update(bytes: Uint8Array): void; digest(): Promise<Uint8Array> }) {
    this.#sdk = sdk;
  }

  update(bytes: Uint8Array): void {
    this.#sdk.update(bytes);
  }

  async digest(): Promise<string> {
    return Buffer.from(await this.#sdk.digest()).toString("base64");
  }
}

class NodeHash implements RunningChecksum {
  readonly #hash;

  constructor(name: "sha1" | "sha256") {
    this.#hash = createHash(name);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): string {
    return this.#hash.digest("base64");
  }
}

const RUNNING: Readonly<Record<Algorithm, () => RunningChecksum>> = {
  CRC32: () => new RunningCrc32(),
  CRC32C: () => new SdkChecksum(new Crc32c()),
  CRC64NVME: () => new SdkChecksum(new Crc64Nvme()),
  SHA1: () => new NodeHash("sha1"),
  SHA256: () => new NodeHash("sha256"),
};

export function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(RUNNING, name);
}

export function runningChecksum(algorithm: Algorithm): RunningChecksum {
  return RUNNING[algorithm]();
}

/** In base64; a promise only where the SDK's class gives nothing else. */
export function checksumOf(algorithm: Algorithm, bytes: Uint8Array): string | Promise<string> {
  if (algorithm === "CRC32") return base64Of32Bits(crc32(bytes));
  if (algorithm === "SHA1") return hash("sha1", bytes, "base64");
  if (algorithm === "SHA256") return hash("sha256", bytes, "base64");
  const checksum = runningChecksum(algorithm);
  checksum.update(bytes);
  return checksum.digest();
}
