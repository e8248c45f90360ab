/**
 * What a case asks for, operation by operation, and under which keys. The same in each process: same seed, same sequence.
 *
 * A measurement writes under a prefix of its own and over the same keys again and again, so that what it leaves is
 * bounded; what is read was written once before, under a prefix of the run's.
 */

import { type Random, seededRandom } from "@evertoken/core";
import type { Operation } from "../candidates/client.js";
import { LARGE_BYTES, objectBytes, readFolder } from "../objects.js";
import type { CaseSettings } from "../record.js";

const MiB = 1024 * 1024;

/** S3's smallest part is 5 MiB; the SDK's own `Upload` and most others take 5 or 8. */
export const PART_BYTES = 8 * MiB;

/** What a measurement may leave behind until it is cleaned up. */
const LEFT_BYTES = 256 * MiB;
const LEFT_KEYS = 1000;

/** Objects that are read: enough that no server answers one from a single hot place. */
const READ_BYTES = 64 * MiB;
const READ_KEYS = 32;

/** The share of each in `mixed`: that of warp's mixed benchmark, which users of S3 servers know. */
const MIX: readonly (readonly [type: "get" | "head" | "put" | "delete", upTo: number])[] = [
  ["get", 0.45],
  ["head", 0.75],
  ["put", 0.9],
  ["delete", 1],
];

export interface Place {
  readonly bucket: string;
  /** What is read, written before by the run. */
  readonly readPrefix: string;
  /** What this measurement writes. */
  readonly writePrefix: string;
}

/** Objects that a case wants to be there, all of one size. */
export function objectsToRead({ operation, sizeBytes, inFlight }: CaseSettings): readonly string[] {
  if (!["get", "head", "mixed"].includes(operation)) return [];
  const count = Math.max(1, Math.min(READ_KEYS, inFlight, Math.floor(READ_BYTES / sizeBytes)));
  return Array.from({ length: count }, (_, index) => `${readFolder(sizeBytes)}/${index}`);
}

/** @returns the `index`-th operation of a case, for the `slot`-th of those under way at the same time. */
export function operationsOf(of: CaseSettings, place: Place, seed: number): (index: number, slot: number) => Operation {
  const { bucket, readPrefix, writePrefix } = place;
  const toRead = objectsToRead(of).map((key) => readPrefix + key);
  const written = writtenKeys(of, writePrefix);
  const read = (type: "get" | "head", index: number): Operation => {
    return { type, bucket, key: toRead[index % toRead.length] as string };
  };
  const write = writing(of, (index) => ({ bucket, key: written[index % written.length] as string }));
  // S3 answers the deletion of what is not there as it answers that of what is.
  const remove = (index: number): Operation => {
    return { type: "delete", bucket, key: `${writePrefix}deleted-${index % LEFT_KEYS}` };
  };
  switch (of.operation) {
    case "get":
    case "head":
      return (index) => read(of.operation as "get" | "head", index);
    case "delete":
      return remove;
    case "mixed": {
      const next = mixture(seededRandom(seed));
      return (index, slot) => {
        const type = next();
        if (type === "put") return write(index, slot);
        return type === "delete" ? remove(index) : read(type, index);
      };
    }
    default:
      return write;
  }
}

/** Each operation that may be under way has a body of its own, as the requests of a service have. */
function writing(
  { operation, sizeBytes, inFlight }: CaseSettings,
  at: (index: number) => { readonly bucket: string; readonly key: string },
): (index: number, slot: number) => Operation {
  if (operation === "get" || operation === "head" || operation === "delete") {
    return () => {
      throw new Error(`${operation} writes nothing`);
    };
  }
  if (operation === "multipart") {
    const parts = partsOf(sizeBytes);
    return (index) => ({ type: "multipart", ...at(index), parts });
  }
  const bodies = Array.from({ length: inFlight }, () => objectBytes(sizeBytes));
  return (index, slot) => ({ type: "put", ...at(index), body: bodies[slot] as Buffer });
}

/** All of the same bytes, so that an upload of gigabytes needs the memory of one part. */
function partsOf(sizeBytes: number): readonly Uint8Array[] {
  const part = objectBytes(Math.min(PART_BYTES, sizeBytes));
  const count = Math.ceil(sizeBytes / PART_BYTES);
  return Array.from({ length: count }, (_, index) =>
    part.subarray(0, Math.min(PART_BYTES, sizeBytes - index * PART_BYTES)),
  );
}

function writtenKeys({ operation, sizeBytes, inFlight }: CaseSettings, prefix: string): readonly string[] {
  if (operation === "multipart") return Array.from({ length: 2 * inFlight }, (_, index) => `${prefix}large/${index}`);
  const fitting = Math.min(LEFT_KEYS, Math.floor(LEFT_BYTES / Math.max(1, sizeBytes)));
  const folder = sizeBytes > LARGE_BYTES ? "large" : "small";
  return Array.from({ length: Math.max(2 * inFlight, fitting) }, (_, index) => `${prefix}${folder}/${index}`);
}

function mixture(random: Random): () => "get" | "head" | "put" | "delete" {
  return () => {
    const drawn = random();
    return (MIX.find(([, upTo]) => drawn < upTo) ?? MIX[0])?.[0] ?? "get";
  };
}
