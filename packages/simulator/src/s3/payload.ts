/**
 * The body of a request: read, bounded, unpacked, and checked against everything that was said about it, before any
 * operation sees it. So nothing is ever half stored.
 */

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Authenticated, single } from "./authentication.js";
import { type Checksum, checksumOf, statedChecksum } from "./checksums.js";
import { dechunk } from "./chunked.js";
import { S3Error } from "./errors.js";
import { isSameSignature, sha256Hex } from "./signature.js";

/** S3's own limit for one PUT is 5 GiB; one process's memory is a nearer one. */
const MAX_BODY_BYTES = 1 << 30;

const EMPTY = Buffer.alloc(0);

export interface Payload {
  readonly content: Buffer;
  /** The checksum that was sent along. It is right, unless it is one of an object that is not this body. */
  readonly checksum: Checksum | undefined;
}

/**
 * Judges the size by the headers, so that a body that cannot be taken is not even sent.
 * @throws S3Error when there is no size, or too large a one.
 */
export function assertSize({ method, headers }: IncomingMessage, { payloadHash }: Authenticated): void {
  const streams = payloadHash.startsWith("STREAMING-");
  const size = streams ? single(headers, "x-amz-decoded-content-length") : headers["content-length"];
  if (size === undefined && (streams || method === "PUT")) {
    if (streams || headers["transfer-encoding"] === undefined) throw new S3Error("MissingContentLength");
    throw new S3Error("NotImplemented", {
      message: "A header you provided implies functionality that is not implemented",
      Header: "Transfer-Encoding",
    });
  }
  if (size !== undefined && !/^\d{1,15}$/.test(size)) throw new S3Error("MissingContentLength");
  if (Math.max(Number(size ?? 0), Number(headers["content-length"] ?? 0)) > MAX_BODY_BYTES) throw tooLarge();
}

/**
 * @param isOfBody whether the checksum in the headers is that of this body, not of an object that it speaks of.
 * @throws S3Error when the body is not what the headers said; any other error when the client went away.
 */
export async function readPayload(
  incoming: IncomingMessage,
  authenticated: Authenticated,
  isOfBody: boolean,
): Promise<Payload> {
  const { headers } = incoming;
  const hasBody = headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
  const raw = hasBody ? await readAll(incoming) : EMPTY;
  const { payloadHash } = authenticated;
  if (payloadHash.startsWith("STREAMING-")) {
    const { content, trailers } = dechunk(raw, authenticated, single(headers, "x-amz-trailer"));
    if (Number(single(headers, "x-amz-decoded-content-length")) !== content.length) throw new S3Error("IncompleteBody");
    return { content, checksum: verified(content, { ...headers, ...trailers }, isOfBody) };
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
  return { content: raw, checksum: verified(raw, headers, isOfBody) };
}

/** By hand: an asynchronous iterator would cut the connection when it is left early, and costs more than a small body. */
function readAll(incoming: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    incoming.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(tooLarge());
    });
    incoming.once("end", () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    // After the end this changes nothing any more.
    incoming.once("close", () => reject(new Error("the client went away before its body was complete")));
  });
}

function tooLarge(): S3Error {
  return new S3Error("EntityTooLarge", { MaxSizeAllowed: String(MAX_BODY_BYTES) });
}

function verified(content: Buffer, headers: IncomingHttpHeaders, isOfBody: boolean): Checksum | undefined {
  const md5 = single(headers, "content-md5");
  if (md5 !== undefined) {
    if (Buffer.from(md5, "base64").length !== 16) throw new S3Error("InvalidDigest");
    if (createHash("md5").update(content).digest("base64") !== md5) throw new S3Error("BadDigest");
  }
  const stated = statedChecksum(headers);
  if (stated !== undefined && isOfBody && checksumOf(stated.algorithm, content) !== stated.value) {
    throw new S3Error("BadDigest", {
      message: `The ${stated.algorithm} you specified did not match the calculated checksum.`,
    });
  }
  return stated;
}
