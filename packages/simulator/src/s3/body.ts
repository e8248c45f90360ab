/**
 * The body of a request: taken as it comes, unpacked, and checked against everything that was said about it. Nothing of
 * it counts before its end was seen and found right, so nothing is ever half stored.
 *
 * A body is first asked for by the operation that wants it. Until then an answer is an early one: a client that said
 * `Expect: 100-continue` has not sent it yet.
 */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { type Authenticated, single } from "./authentication.js";
import { BodyHash } from "./body-hash.js";
import {
  announcedAlgorithm,
  type Checksum,
  type ChecksumAlgorithm,
  type Digest,
  isBase64,
  newDigest,
  statedChecksum,
} from "./checksums.js";
import { Dechunker } from "./chunked.js";
import type { Piece, Stage } from "./content.js";
import { S3Error } from "./errors.js";
import { isSameSignature, sha256Hex } from "./signature.js";

const EMPTY_HASH = sha256Hex("");

/** No list of keys or parts is longer. */
const LONGEST_DOCUMENT_BYTES = 4 << 20;

export type BodyAuthentication = Pick<Authenticated, "payloadHash" | "seedSignature" | "context">;

export interface Received {
  /** What came, durable if there is a disk. Whoever got it has to release it, or to give it to a bucket. */
  readonly piece: Piece;
  readonly etag: string;
  /** The checksum that was sent along, which is right. */
  readonly stated: Checksum | undefined;
  /** That of the algorithm that was asked for. */
  readonly checksum: Checksum;
}

/**
 * Judges the size by the headers, so that a body that cannot be taken is not even sent.
 * @throws S3Error when there is no size, or too large a one.
 */
export function assertSize(
  { method, headers }: IncomingMessage,
  { payloadHash }: BodyAuthentication,
  mostBytes: number,
): void {
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
  if (Number(size ?? 0) > mostBytes) throw tooLarge(mostBytes, Number(size));
}

export class RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #headers: IncomingHttpHeaders;
  readonly #authenticated: BodyAuthentication;
  readonly #beforeReading: () => void;

  /**
   * @param headers as they count: a presigned address may hold some.
   * @param beforeReading called once, when the body is asked for.
   */
  constructor(
    incoming: IncomingMessage,
    headers: IncomingHttpHeaders,
    authenticated: BodyAuthentication,
    beforeReading: () => void,
  ) {
    this.#incoming = incoming;
    this.#headers = headers;
    this.#authenticated = authenticated;
    this.#beforeReading = beforeReading;
  }

  /**
   * The body into a stage.
   * @param wanted the algorithm of the checksum that is reckoned if another was sent along, or none.
   * @throws S3Error when it is not what the headers said; any other error when the client went away.
   */
  async content(stage: Stage, wanted: ChecksumAlgorithm, mostBytes: number): Promise<Received> {
    const { algorithm: stated } = this.#announced();
    const digest = newDigest(wanted);
    const other = stated === undefined || stated === wanted ? undefined : newDigest(stated);
    const md5 = new BodyHash("md5");
    let size = 0;
    try {
      const checksum = await this.#read(stated && (other ?? digest), md5, (chunk) => {
        size += chunk.length;
        if (size > mostBytes) throw tooLarge(mostBytes, size);
        digest.update(chunk);
        other?.update(chunk);
        return stage.write(chunk);
      });
      return {
        piece: await stage.finish(),
        etag: `"${checksum.md5}"`,
        stated: checksum.stated,
        checksum: { algorithm: wanted, value: checksumValue(digest, checksum.stated, wanted), type: "FULL_OBJECT" },
      };
    } catch (error) {
      stage.discard();
      throw error;
    }
  }

  /**
   * The body as text, for lists and settings.
   * @param isOfObject the checksum in the headers is that of an object that it speaks of, not of the body.
   * @throws S3Error as `content`, and when it is too long.
   */
  async document(isOfObject = false): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    const { algorithm } = isOfObject ? { algorithm: undefined } : this.#announced();
    const digest = algorithm && newDigest(algorithm);
    await this.#read(digest, new BodyHash("md5"), (chunk) => {
      size += chunk.length;
      if (size > LONGEST_DOCUMENT_BYTES) {
        throw new S3Error("MaxMessageLengthExceeded", { MaxMessageLengthBytes: String(LONGEST_DOCUMENT_BYTES) });
      }
      digest?.update(chunk);
      chunks.push(chunk);
      return undefined;
    });
    return Buffer.concat(chunks).toString();
  }

  /** For operations that take no body: what comes all the same is checked and thrown away. */
  nothing(): Promise<unknown> | undefined {
    const { payloadHash } = this.#authenticated;
    if (!hasBody(this.#headers) && (payloadHash === EMPTY_HASH || payloadHash === "UNSIGNED-PAYLOAD")) return undefined;
    return this.document();
  }

  /** Whether the sender made sure that the body arrives as it was sent. */
  get isSummedUp(): boolean {
    return this.#headers["content-md5"] !== undefined || this.#announced().algorithm !== undefined;
  }

  /** The checksum that comes along, before or behind the body. */
  #announced(): { readonly algorithm: ChecksumAlgorithm | undefined } {
    const algorithm =
      statedChecksum(this.#headers)?.algorithm ?? announcedAlgorithm(single(this.#headers, "x-amz-trailer"));
    const named = single(this.#headers, "x-amz-sdk-checksum-algorithm");
    if (named !== undefined && algorithm === undefined) {
      throw new S3Error("InvalidRequest", {
        message:
          "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.",
      });
    }
    return { algorithm };
  }

  async #read(
    digest: Digest | undefined,
    md5: BodyHash,
    take: (chunk: Buffer) => Promise<void> | undefined,
  ): Promise<{ readonly md5: string; readonly stated: Checksum | undefined }> {
    const { payloadHash } = this.#authenticated;
    const contentMd5 = single(this.#headers, "content-md5");
    if (contentMd5 !== undefined && !isBase64(contentMd5, 16))
      throw new S3Error("InvalidDigest", { "Content-MD5": contentMd5 });
    let headers = this.#headers;
    const takeAndHash = (chunk: Buffer) => {
      md5.update(chunk);
      return take(chunk);
    };
    this.#beforeReading();
    if (payloadHash.startsWith("STREAMING-")) headers = { ...headers, ...(await this.#readChunked(takeAndHash)) };
    else await this.#readPlain(takeAndHash);
    const computed = md5.digest();
    if (contentMd5 !== undefined) assertMd5(contentMd5, Buffer.from(computed, "hex").toString("base64"));
    const stated = digest && statedChecksum(headers);
    if (stated === undefined || stated.value === digest?.digest().toString("base64")) return { md5: computed, stated };
    throw new S3Error("BadDigest", {
      message: `The ${stated.algorithm} you specified did not match the calculated checksum.`,
    });
  }

  async #readPlain(take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
    const { payloadHash } = this.#authenticated;
    const isSigned = payloadHash !== "UNSIGNED-PAYLOAD";
    let computed = EMPTY_HASH;
    if (hasBody(this.#headers)) {
      const hash = isSigned ? new BodyHash("sha256") : undefined;
      await receive(this.#incoming, (chunk) => {
        hash?.update(chunk);
        return take(chunk);
      });
      computed = hash?.digest() ?? "";
    }
    if (!isSigned || isSameSignature(computed, payloadHash)) return;
    throw new S3Error("XAmzContentSHA256Mismatch", {
      ClientComputedContentSHA256: payloadHash,
      S3ComputedContentSHA256: computed,
    });
  }

  async #readChunked(take: (chunk: Buffer) => Promise<void> | undefined): Promise<IncomingHttpHeaders> {
    const expected = Number(single(this.#headers, "x-amz-decoded-content-length"));
    let size = 0;
    const dechunker = new Dechunker(this.#authenticated, single(this.#headers, "x-amz-trailer"), (data) => {
      size += data.length;
      if (size > expected) throw new S3Error("IncompleteBody", { reason: "more than the decoded length" });
      return take(data);
    });
    await receive(this.#incoming, (chunk) => dechunker.push(chunk));
    const trailers = dechunker.end();
    if (size !== expected) throw new S3Error("IncompleteBody");
    return trailers;
  }
}

function assertMd5(expected: string, computed: string): void {
  if (computed === expected) return;
  throw new S3Error("BadDigest", {
    message: "The Content-MD5 you specified did not match what we received.",
    ExpectedDigest: expected,
    CalculatedDigest: computed,
  });
}

/** The digest was asked for its value already where it is the one that was sent along. */
function checksumValue(digest: Digest, stated: Checksum | undefined, wanted: ChecksumAlgorithm): string {
  return stated?.algorithm === wanted ? stated.value : digest.digest().toString("base64");
}

function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

/** A body that has stopped coming for so long, in real time, is given up. */
const PATIENCE_MS = 20_000;

/**
 * Everything that comes, given to `take`, which may ask for patience. By hand: an asynchronous iterator would cut the
 * connection when it is left early, and costs more than a small body.
 */
export async function receive(
  incoming: IncomingMessage,
  take: (chunk: Buffer) => Promise<void> | undefined,
): Promise<void> {
  // A small body that came together with its head is here by the next turn, and takes no listeners.
  await undefined;
  const isHere = incoming.complete || incoming.readableLength === Number(incoming.headers["content-length"]);
  if (!isHere) return receiveAll(incoming, take);
  const body: Buffer | null = incoming.read();
  if (body !== null) await take(body);
}

function receiveAll(incoming: IncomingMessage, take: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      incoming.off("data", onData).off("end", onEnd).off("close", onClose);
      incoming.setTimeout(0);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      try {
        const busy = take(chunk);
        if (busy === undefined) return;
        incoming.pause();
        busy.then(() => incoming.resume(), fail);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = () => {
      settle();
      resolve();
    };
    const onClose = () => fail(new Error("the client went away before its body was complete"));
    incoming.on("data", onData).once("end", onEnd).once("close", onClose);
    incoming.setTimeout(PATIENCE_MS, () => fail(new S3Error("RequestTimeout")));
  });
}

function tooLarge(most: number, proposed: number): S3Error {
  return new S3Error("EntityTooLarge", { ProposedSize: String(proposed), MaxSizeAllowed: String(most) });
}
