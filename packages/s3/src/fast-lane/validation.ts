/** Which checksum of an answer its body is checked against, chosen as the SDK does. */

import type { IncomingHttpHeaders } from "node:http";
import { type Algorithm, type RunningChecksum, runningChecksum } from "./checksum.js";

export interface Expected {
  readonly checksum: RunningChecksum;
  /** In base64. */
  readonly value: string;
  readonly header: string;
}

/** In the order in which the SDK looks for them. */
const VALIDATED = [
  ["x-amz-checksum-sha256", "SHA256"],
  ["x-amz-checksum-sha1", "SHA1"],
  ["x-amz-checksum-crc32", "CRC32"],
  ["x-amz-checksum-crc32c", "CRC32C"],
  ["x-amz-checksum-crc64nvme", "CRC64NVME"],
] as const satisfies readonly (readonly [string, Algorithm])[];

/** Of an object that came in parts: the checksum of their checksums, which says nothing about the bytes in order. */
const OF_PARTS = /-([1-9]\d{0,3}|10000)$/;

/** Undefined when there is nothing to check against. */
export function expectedOf(headers: IncomingHttpHeaders): Expected | undefined {
  // An empty one says nothing.
  const found = VALIDATED.filter(([header]) => headers[header]);
  const [first] = found;
  if (first === undefined || found.every(([header]) => OF_PARTS.test(String(headers[header])))) return undefined;
  const [header, algorithm] = first;
  return { checksum: runningChecksum(algorithm), value: String(headers[header]), header };
}
