/**
 * What runs in the thread that hashes: pieces of bodies come one after the other in memory that both sides see, and each
 * is answered, so that its place can be used again; the last piece of a body is answered with the body's hashes.
 */

import { createHash, type Hash } from "node:crypto";
import { parentPort, workerData } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { type Answered, type Piece, READY } from "./hashing.js";

const memory = new Uint8Array(workerData as SharedArrayBuffer);

let sha256: Hash | undefined;
let crc = 0;

parentPort?.on("message", ({ start, length, wantsCrc32, isLast }: Piece) => {
  const bytes = memory.subarray(start, start + length);
  sha256 ??= createHash("sha256");
  sha256.update(bytes);
  if (wantsCrc32) crc = crc32(bytes, crc);
  const answer: Answered = isLast ? { sha256: sha256.digest("hex"), crc32: wantsCrc32 ? crc : undefined } : undefined;
  if (isLast) {
    sha256 = undefined;
    crc = 0;
  }
  parentPort?.postMessage(answer);
});
parentPort?.postMessage(READY);
