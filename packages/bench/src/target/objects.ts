/** What a target answers: as little as S3 would say, and as much of it as clients read. */

import { crc32 } from "node:zlib";

export const SMALL = 4 * 1024;
export const LARGE = 1024 * 1024;

/** What every download gets. */
export const OBJECT = Buffer.alloc(SMALL, "evertoken ");

/** A checksum comes with every download, so that whoever checks it has something to check. */
export const DOWNLOAD_HEADERS = {
  "content-type": "application/octet-stream",
  "x-amz-checksum-crc32": checksumOf(OBJECT),
  "x-amz-checksum-type": "FULL_OBJECT",
};

export const ANSWER_HEADERS = {
  etag: '"d41d8cd98f00b204e9800998ecf8427e"',
  "x-amz-request-id": "0123456789ABCDEF",
  "x-amz-id-2": "eftixk72aD6Ap51TnqcoF8eFidJG9Z/2mkiDFu8yU9AS1ed4OpIszj7UDNEHGran",
};

function checksumOf(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString("base64");
}
