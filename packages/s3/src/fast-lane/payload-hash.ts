/**
 * The SHA-256 that is signed with a request. 1 MiB takes 0.6 ms, so a large body is hashed beside the event loop, which others
 * need meanwhile. Web Crypto copies what it is given, so there is a bound to that.
 */

import { hash, webcrypto } from "node:crypto";
import { EMPTY_SHA256 } from "./signature.js";

/** Below this, the way there and back takes longer than the hash. */
const LARGE = 256 * 1024;

/** What may be copied for it at one time, in bytes. */
const MOST_BESIDE = 16 * 1024 * 1024;

let beside = 0;

/** A promise only for large bodies, and not for all of these. */
export function payloadHashOf(body: Uint8Array | undefined): string | Promise<string> {
  if (body === undefined || body.byteLength === 0) return EMPTY_SHA256;
  // What other threads can change meanwhile, Web Crypto does not take.
  if (body.byteLength < LARGE || beside + body.byteLength > MOST_BESIDE || !(body.buffer instanceof ArrayBuffer)) {
    return hash("sha256", body, "hex");
  }
  return hashBeside(body as Uint8Array<ArrayBuffer>);
}

async function hashBeside(body: Uint8Array<ArrayBuffer>): Promise<string> {
  beside += body.byteLength;
  try {
    return Buffer.from(await webcrypto.subtle.digest("SHA-256", body)).toString("hex");
  } finally {
    beside -= body.byteLength;
  }
}
