/**
 * `aws-chunked`: the body in chunks with their sizes, each chunk signed or not, and headers behind the last (trailers).
 *
 *     hex-size[;chunk-signature=…]\r\n  data\r\n  …  0[;chunk-signature=…]\r\n  [name:value\r\n …] \r\n
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */

import type { Authenticated } from "./authentication.js";
import { S3Error } from "./errors.js";
import { isSameSignature, sha256Hex, sign } from "./signature.js";

const EMPTY_HASH = sha256Hex("");

export interface Dechunked {
  readonly content: Buffer;
  readonly trailers: Readonly<Record<string, string>>;
}

/** @throws S3Error when the framing is broken or a chunk is not what was signed. */
export function dechunk(framed: Buffer, { payloadHash, seedSignature, context }: Authenticated): Dechunked {
  const signed = payloadHash.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  const chunks: Buffer[] = [];
  let previous = seedSignature;
  let position = 0;
  for (;;) {
    const lineEnd = framed.indexOf("\r\n", position);
    const line = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(
      lineEnd < 0 ? "" : framed.toString("latin1", position, lineEnd),
    );
    if (line === null) throw new S3Error("IncompleteBody", { reason: "broken aws-chunked framing" });
    const size = Number.parseInt(line[1] ?? "", 16);
    const chunk = framed.subarray(lineEnd + 2, lineEnd + 2 + size);
    if (chunk.length < size) throw new S3Error("IncompleteBody");
    if (signed) {
      const expected = sign("AWS4-HMAC-SHA256-PAYLOAD", context, previous, EMPTY_HASH, sha256Hex(chunk));
      if (!isSameSignature(expected, line[2] ?? ""))
        throw new S3Error("SignatureDoesNotMatch", { reason: "of a chunk" });
      previous = expected;
    }
    position = lineEnd + 2 + size;
    if (size === 0) break;
    if (framed.toString("latin1", position, position + 2) !== "\r\n") {
      throw new S3Error("IncompleteBody", { reason: "broken aws-chunked framing" });
    }
    position += 2;
    chunks.push(chunk);
  }
  const trailers = parseTrailers(framed.toString("latin1", position));
  if (signed && payloadHash.endsWith("-TRAILER")) {
    const canonical = Object.entries(trailers)
      .filter(([name]) => name !== "x-amz-trailer-signature")
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}:${value}\n`)
      .join("");
    const expected = sign("AWS4-HMAC-SHA256-TRAILER", context, previous, sha256Hex(canonical));
    if (!isSameSignature(expected, trailers["x-amz-trailer-signature"] ?? "")) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "of the trailer" });
    }
  }
  return { content: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), trailers };
}

function parseTrailers(text: string): Record<string, string> {
  const trailers: Record<string, string> = {};
  // Some clients end lines with \n only; S3 takes both.
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return trailers;
}
