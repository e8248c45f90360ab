/**
 * `aws-chunked`: the body in chunks with their sizes, each chunk signed or not, and headers behind the last (trailers).
 *
 *     hex-size[;chunk-signature=…]\r\n  data\r\n  …  0[;chunk-signature=…]\r\n  [name:value\r\n …] \r\n
 *
 * Taken apart as it comes in: nothing is kept but a line that is not complete yet.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
 */

import { createHash, type Hash } from "node:crypto";
import type { Authenticated } from "./authentication.js";
import { S3Error } from "./errors.js";
import { isSameSignature, type SigningContext, sha256Hex, sign } from "./signature.js";

const EMPTY_HASH = sha256Hex("");

const TRAILER_SIGNATURE = "x-amz-trailer-signature";

/** Of all chunks but the last. */
const SMALLEST_CHUNK_BYTES = 8192;

const LONGEST_CHUNK_HEAD = 256;
const LONGEST_TRAILERS = 8192;

export type Trailers = Readonly<Record<string, string>>;

export class Dechunker {
  readonly #signed: boolean;
  readonly #signsTrailers: boolean;
  readonly #context: SigningContext;
  readonly #declared: string | undefined;
  readonly #emit: (data: Buffer) => Promise<void> | undefined;
  #state: "head" | "data" | "data-end" | "trailers" = "head";
  /** The beginning of a line whose end has not come yet. */
  #line = Buffer.alloc(0);
  #left = 0;
  #hash: Hash | undefined;
  #signature: string | undefined;
  #previous: string;
  #chunk = 0;
  #smallChunk: { readonly number: number; readonly size: number } | undefined;

  /**
   * @param declared what `x-amz-trailer` said would come behind the last chunk.
   * @param emit takes the data.
   */
  constructor(
    { payloadHash, seedSignature, context }: Pick<Authenticated, "payloadHash" | "seedSignature" | "context">,
    declared: string | undefined,
    emit: (data: Buffer) => Promise<void> | undefined,
  ) {
    this.#signed = payloadHash.startsWith("STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    this.#signsTrailers = this.#signed && payloadHash.endsWith("-TRAILER");
    this.#context = context;
    this.#previous = seedSignature;
    this.#declared = declared;
    this.#emit = emit;
  }

  /** @throws S3Error when the framing is broken, or something is not what was signed. */
  push(bytes: Buffer): Promise<void> | undefined {
    let busy: Promise<void> | undefined;
    let at = 0;
    while (at < bytes.length) {
      if (this.#state === "data") {
        const data = bytes.subarray(at, at + this.#left);
        at += data.length;
        this.#left -= data.length;
        this.#hash?.update(data);
        busy = this.#emit(data) ?? busy;
        if (this.#left === 0) this.#state = "data-end";
      } else if (this.#state === "trailers") {
        this.#keep(bytes.subarray(at), LONGEST_TRAILERS);
        at = bytes.length;
      } else at = this.#lineIn(bytes, at);
    }
    return busy;
  }

  /**
   * To be called behind the last byte.
   * @throws S3Error when it was not the last, or the trailers are not what was announced.
   */
  end(): Trailers {
    if (this.#state !== "trailers") throw new S3Error("IncompleteBody");
    const trailers = parseTrailers(this.#line.toString("latin1"));
    if (this.#signsTrailers) this.#verifyTrailers(trailers);
    for (const name of (this.#declared ?? "").toLowerCase().split(",")) {
      if (name.trim() !== "" && !Object.hasOwn(trailers, name.trim())) throw new S3Error("MalformedTrailerError");
    }
    return trailers;
  }

  /** Reads on in a line; @returns where to go on. */
  #lineIn(bytes: Buffer, at: number): number {
    const newline = bytes.indexOf(0x0a, at);
    const end = newline < 0 ? bytes.length : newline + 1;
    this.#keep(bytes.subarray(at, end), LONGEST_CHUNK_HEAD);
    if (newline < 0) return end;
    const line = this.#line.toString("latin1");
    this.#line = Buffer.alloc(0);
    if (!line.endsWith("\r\n")) throw broken();
    if (this.#state === "head") this.#begin(line.slice(0, -2));
    else if (line === "\r\n") this.#endOfChunk();
    else throw broken();
    return end;
  }

  #keep(bytes: Buffer, most: number): void {
    if (this.#line.length + bytes.length > most) throw broken();
    this.#line = this.#line.length === 0 ? Buffer.from(bytes) : Buffer.concat([this.#line, bytes]);
  }

  #begin(head: string): void {
    const parts = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/.exec(head);
    if (parts === null) throw broken();
    this.#chunk += 1;
    this.#left = Number.parseInt(parts[1] ?? "", 16);
    this.#signature = parts[2];
    if (this.#signed) this.#hash = createHash("sha256");
    if (this.#left === 0) {
      this.#verifyChunk();
      this.#state = "trailers";
      return;
    }
    if (this.#smallChunk !== undefined) {
      const { number, size } = this.#smallChunk;
      throw new S3Error("InvalidChunkSizeError", { Chunk: String(number), BadChunkSize: String(size) });
    }
    if (this.#left < SMALLEST_CHUNK_BYTES) this.#smallChunk = { number: this.#chunk, size: this.#left };
    this.#state = "data";
  }

  #endOfChunk(): void {
    this.#verifyChunk();
    this.#state = "head";
  }

  /** A chunk's signature continues that of the one before. */
  #verifyChunk(): void {
    if (this.#hash === undefined) return;
    const hash = this.#hash.digest("hex");
    const expected = sign("AWS4-HMAC-SHA256-PAYLOAD", this.#context, this.#previous, EMPTY_HASH, hash);
    if (!isSameSignature(expected, this.#signature ?? "")) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "of a chunk" });
    }
    this.#previous = expected;
  }

  #verifyTrailers(trailers: Trailers): void {
    const canonical = Object.entries(trailers)
      .filter(([name]) => name !== TRAILER_SIGNATURE)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => `${name}:${value}\n`)
      .join("");
    const expected = sign("AWS4-HMAC-SHA256-TRAILER", this.#context, this.#previous, sha256Hex(canonical));
    if (!isSameSignature(expected, trailers[TRAILER_SIGNATURE] ?? "")) {
      throw new S3Error("SignatureDoesNotMatch", { reason: "of the trailer" });
    }
  }
}

function broken(): S3Error {
  return new S3Error("IncompleteBody", { reason: "broken aws-chunked framing" });
}

function parseTrailers(text: string): Trailers {
  const trailers: Record<string, string> = Object.create(null);
  // Some clients end lines with \n only; S3 takes both.
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) trailers[line.slice(0, colon).trim().toLowerCase()] = line.slice(colon + 1).trim();
  }
  return trailers;
}
