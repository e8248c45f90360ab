/**
 * A download as a whole, in the ways that the SDK gives a body, at a fraction of their work: the SDK pipes it into a stream
 * made for that. What has come before somebody asks, as most small objects have, is taken as it is.
 */

import { concatBytes } from "@smithy/core/serde";
import type { SdkStream } from "@smithy/types";
import type { Download } from "./download.js";

/** In the SDK's words. */
const TRANSFORMED = "The stream has already been transformed.";

/** Replaces the SDK's own ways, that it gave to the body. What they throw and what others see of the stream stays the same. */
export function makeReadableAsWhole(body: SdkStream<Download>): void {
  const { transformToWebStream } = body;
  let isTransformed = false;
  const collect = async (): Promise<Uint8Array> => {
    if (isTransformed) throw new Error(TRANSFORMED);
    isTransformed = true;
    // Who asks may say in the same breath that they want to see each chunk.
    await undefined;
    return concatBytes(body.takeWhole() ?? (await flowing(body)));
  };
  Object.assign(body, {
    transformToByteArray: collect,
    transformToString: async (encoding?: string) => textOf(await collect(), encoding),
    transformToWebStream: () => {
      if (isTransformed) throw new Error(TRANSFORMED);
      const web = transformToWebStream();
      isTransformed = true;
      return web;
    },
  } satisfies Partial<SdkStream<Download>>);
}

function flowing(body: Download): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    body.on("data", (chunk: Uint8Array | string) => chunks.push(bytesOf(chunk, body.readableEncoding)));
    body.on("error", reject);
    body.once("end", () => resolve(chunks));
    body.resume();
  });
}

/** @param encoding of a stream that was told to give text. */
function bytesOf(chunk: Uint8Array | string, encoding: BufferEncoding | null): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk, encoding ?? "utf8") : chunk;
}

function textOf(bytes: Uint8Array, encoding: string | undefined): string {
  if (encoding !== undefined && !Buffer.isEncoding(encoding)) return new TextDecoder(encoding).decode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(encoding);
}
