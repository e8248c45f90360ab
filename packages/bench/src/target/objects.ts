/**
 * What the discarding target answers: as little as S3 would say, and as much of it as clients read. Where a key begins
 * with `read-SIZE/`, an object of that size is there to be read; everything else takes what comes.
 */

import { crc32 } from "node:zlib";
import { objectBytes } from "../objects.js";

export const ANSWER_HEADERS = {
  etag: '"d41d8cd98f00b204e9800998ecf8427e"',
  "x-amz-request-id": "0123456789ABCDEF",
  "x-amz-id-2": "eftixk72aD6Ap51TnqcoF8eFidJG9Z/2mkiDFu8yU9AS1ed4OpIszj7UDNEHGran",
};

export interface Download {
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** A checksum comes with every download, so that whoever checks it has something to check. */
export function download(sizeBytes: number): Download {
  const body = objectBytes(sizeBytes);
  const headers = {
    "content-type": "application/octet-stream",
    "x-amz-checksum-crc32": checksumOf(body),
    "x-amz-checksum-type": "FULL_OBJECT",
  };
  return { body, headers };
}

/** What `POST ?uploads` and `POST ?uploadId=…` are answered. */
export const UPLOAD_CREATED =
  "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>evertoken</UploadId></InitiateMultipartUploadResult>";
export const UPLOAD_COMPLETED =
  "<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>e</ETag></CompleteMultipartUploadResult>";

function checksumOf(body: Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString("base64");
}
