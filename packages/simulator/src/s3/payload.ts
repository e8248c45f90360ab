/**
 * The body of a request: read, bounded, unpacked, and checked against everything that was said about it, before any
 * operation sees it. So nothing is ever half stored.
 */

import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { type Authenticated, single } from "./authentication.js";
import { CHECKSUM_ALGORITHMS, type Checksum, checksumHeader, checksumOf } from "./checksums.js";
import { dechunk } from "./chunked.js";
import { S3Error } from "./errors.js";
import { isSameSignature, sha256Hex } from "./signature.js";

/** S3's own limit for one PUT is 5 GiB; one process's memory is a nearer one. */
const MAX_BODY_BYTES = 1 << 30;

export interface Payload {
  readonly content: Buffer;
  /** The checksum that was sent along and that is right. */
  readonly checksum: Checksum | undefined;
}

/** @throws S3Error when the body is not what the headers said. */
export async function readPayload(incoming: IncomingMessage, authenticated: Authenticated): Promise<Payload> {
  const { headers } = incoming;
  const hasLength = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  if (!hasLength && incoming.method === "PUT") throw new S3Error("MissingContentLength");
  const raw = await readAll(incoming);
  const { payloadHash } = authenticated;
  if (payloadHash.startsWith("STREAMING-")) {
    const { content, trailers } = dechunk(raw, authenticated);
    const decodedLength = single(headers, "x-amz-decoded-content-length");
    if (decodedLength !== undefined && Number(decodedLength) !== content.length) throw new S3Error("IncompleteBody");
    return { content, checksum: verified(content, { ...headers, ...trailers }) };
  }
  if (payloadHash !== "UNSIGNED-PAYLOAD") {
    const computed = sha256Hex(raw);
    if (!isSameSignature(computed, payloadHash)) {
      throw new S3Error("XAmzContentSHA256Mismatch", {
        ClientComputedContentSHA256: payloadHash,
        S3ComputedContentSHA256: computed,
      });
    }
  }
  return { content: raw, checksum: verified(raw, headers) };
}

async function readAll(incoming: IncomingMessage): Promise<Buffer> {
  if (Number(incoming.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw new S3Error("EntityTooLarge");
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new S3Error("EntityTooLarge");
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
}

function verified(content: Buffer, headers: IncomingMessage["headers"]): Checksum | undefined {
  const md5 = single(headers, "content-md5");
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16) throw new S3Error("InvalidDigest");
    if (createHash("md5").update(content).digest("base64") !== md5) throw new S3Error("BadDigest");
  }
  for (const algorithm of CHECKSUM_ALGORITHMS) {
    const value = single(headers, checksumHeader(algorithm));
    if (value === undefined) continue;
    if (checksumOf(algorithm, content) !== value) {
      throw new S3Error("BadDigest", {
        message: `The ${algorithm} you specified did not match the calculated checksum.`,
      });
    }
    return { algorithm, value, type: "FULL_OBJECT" };
  }
  return undefined;
}
