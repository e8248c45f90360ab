/**
 * `aws-chunked`: the body in chunks with their sizes, each chunk signed or not, and headers behind the last (trailers).
 *
 *     hex-size[;chunk-signature=…]\r\n  data\r\n  …  0[;chunk-signature=…]\r\n  [name:value\r\n …] \r\n
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */

import type { Authenticated } from "./authentication.js";
import { S3Error } from "./errors.js";
import { isSameSignature, type SigningContext, sha256Hex, sign } from "./signature.js";

const EMPTY_HASH = sha256Hex("");

const TRAILER_SIGNATURE = "x-amz-trailer-signature";

export interface Dechunked {
  readonly content: Buffer;
  readonly trailers: Readonly<Record<string, string>>;
}

/**
 * @param declared what `x-amz-trailer` said would come behind the last chunk.
 * @throws S3Error when the framing is broken, or something is not what was signed.
 */
export function dechunk(
  framed: Buffer,
  { payloadHash, seedSignature, context }: Omit<Authenticated, "credential">,
  declared: string | undefined,
): Dechunked {
  const signed = payloadHash.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
  const chunks: Buffer[] = [];
  let previous = seedSignature;
  let position = 0;
  for (;;) {
    const { chunk, signature, end } = chunkAt(framed, position);
    if (signed) previous = verifiedChunk(chunk, signature, context, previous);
    position = end;
    if (chunk.length === 0) break;
    chunks.push(chunk);
  }
  const trailers = parseTrailers(framed.toString("latin1", position));
  if (signed && payloadHash.endsWith("-TRAILER")) verifyTrailers(trailers, context, previous);
  for (const name of (declared ?? "").toLowerCase().split(",")) {
    if (name.trim() !== "" && !Object.hasOwn(trailers, name.trim())) throw new S3Error("MalformedTrailerError");
  }
  return { content: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks), trailers };
}

interface Chunk {
  readonly chunk: Buffer;
  readonly signature: string | undefined;
  /** Where the next chunk begins; behind the last, which is empty, the trailers. */
  readonly end: number;
}

function chunkAt(framed: Buffer, position: number): Chunk {
  const lineEnd = framed.indexOf("\r\n", position);
  const line = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(
    lineEnd < 0 ? "" : framed.toString("latin1", position, lineEnd),
  );
  if (line === null) throw new S3Error("IncompleteBody", { reason: "broken aws-chunked framing" });
  const size = Number.parseInt(line[1] ?? "", 16);
  const end = lineEnd + 2 + size;
  const chunk = framed.subarray(lineEnd + 2, end);
  if (chunk.length < size) throw new S3Error("IncompleteBody");
  if (size === 0) return { chunk, signature: line[2], end };
  if (framed.toString("latin1", end, end + 2) !== "\r\n") {
    throw new S3Error("IncompleteBody", { reason: "broken aws-chunked framing" });
  }
  return { chunk, signature: line[2], end: end + 2 };
}

/** @returns its signature, which the next one continues. */
function verifiedChunk(
  chunk: Buffer,
  signature: string | undefined,
  context: SigningContext,
  previous: string,
): string {
  const expected = sign("AWS4-HMAC-SHA256-PAYLOAD", context, previous, EMPTY_HASH, sha256Hex(chunk));
  if (!isSameSignature(expected, signature ?? "")) throw new S3Error("SignatureDoesNotMatch", { reason: "of a chunk" });
  return expected;
}

function verifyTrailers(trailers: Dechunked["trailers"], context: SigningContext, previous: string): void {
  const canonical = Object.entries(trailers)
    .filter(([name]) => name !== TRAILER_SIGNATURE)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}:${value}\n`)
    .join("");
  const expected = sign("AWS4-HMAC-SHA256-TRAILER", context, previous, sha256Hex(canonical));
  if (!isSameSignature(expected, trailers[TRAILER_SIGNATURE] ?? "")) {
    throw new S3Error("SignatureDoesNotMatch", { reason: "of the trailer" });
  }
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
