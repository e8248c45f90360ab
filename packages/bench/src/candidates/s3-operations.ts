/** The operations of the bench in terms of the SDK's commands: for the SDK itself, and for the pool, which takes them too. */

import type { CompletedPart, S3Client, UploadPartCommandOutput } from "@aws-sdk/client-s3";
import type { Operation } from "./client.js";

export type Sdk = Pick<
  typeof import("@aws-sdk/client-s3"),
  | "S3Client"
  | "PutObjectCommand"
  | "GetObjectCommand"
  | "HeadObjectCommand"
  | "DeleteObjectCommand"
  | "CreateMultipartUploadCommand"
  | "UploadPartCommand"
  | "CompleteMultipartUploadCommand"
>;

type Send = S3Client["send"];
type Checksum = { readonly ChecksumAlgorithm?: "CRC32" };
type Multipart = Extract<Operation, { type: "multipart" }>;

/** Parts of one upload on their way at the same time, as in the SDK's own `Upload`. */
const PARTS_IN_FLIGHT = 4;

export function s3Operations(
  sdk: Sdk,
  send: Send,
  checksum: string,
): (operation: Operation) => Promise<number | undefined> {
  const algorithm = algorithmOf(checksum);
  // The union of SDK releases knows more algorithms than any one of them.
  const sent = (algorithm === undefined ? {} : { ChecksumAlgorithm: algorithm }) as Checksum;
  const read = algorithm === undefined ? {} : ({ ChecksumMode: "ENABLED" } as const);
  return async (operation) => {
    const { bucket: Bucket, key: Key } = operation;
    switch (operation.type) {
      case "put":
        await send(new sdk.PutObjectCommand({ Bucket, Key, Body: operation.body, ...sent }));
        return undefined;
      case "get": {
        const { Body } = await send(new sdk.GetObjectCommand({ Bucket, Key, ...read }));
        return (await Body?.transformToByteArray())?.length;
      }
      case "head":
        return (await send(new sdk.HeadObjectCommand({ Bucket, Key }))).ContentLength;
      case "delete":
        await send(new sdk.DeleteObjectCommand({ Bucket, Key }));
        return undefined;
      case "multipart":
        await upload(sdk, send, operation, sent);
        return undefined;
    }
  };
}

/** The algorithm to name in requests; undefined when the client's settings alone decide. */
function algorithmOf(checksum: string): string | undefined {
  return checksum === "default" || checksum === "when-required" ? undefined : checksum.toUpperCase();
}

async function upload(sdk: Sdk, send: Send, { bucket, key, parts }: Multipart, checksum: Checksum): Promise<void> {
  const at = { Bucket: bucket, Key: key };
  const { UploadId } = await send(new sdk.CreateMultipartUploadCommand({ ...at, ...checksum }));
  const completed: CompletedPart[] = [];
  let next = 0;
  const worker = async () => {
    while (next < parts.length) {
      const index = next++;
      const Body = parts[index] as Uint8Array;
      const part = { ...at, UploadId, PartNumber: index + 1, Body, ...checksum };
      completed[index] = completedPart(index + 1, await send(new sdk.UploadPartCommand(part)));
    }
  };
  await Promise.all(Array.from({ length: Math.min(PARTS_IN_FLIGHT, parts.length) }, worker));
  await send(new sdk.CompleteMultipartUploadCommand({ ...at, UploadId, MultipartUpload: { Parts: completed } }));
}

/** S3 wants to be told each part's checksum again when the upload was created with an algorithm. */
function completedPart(PartNumber: number, answer: UploadPartCommandOutput): CompletedPart {
  const checksums = Object.entries(answer).filter(
    ([name, value]) => name.startsWith("Checksum") && typeof value === "string",
  );
  return { PartNumber, ETag: answer.ETag, ...Object.fromEntries(checksums) };
}
