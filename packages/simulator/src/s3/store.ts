/** Buckets, objects and unfinished uploads, in memory. An object is one frozen value, replaced whole. */

import { createHash } from "node:crypto";
import type { Checksum } from "./checksums.js";

/** Whose everything is: the one account of this simulator. */
export const OWNER = Object.freeze({ ID: "e4e7".repeat(16), DisplayName: "evertoken-simulator" });

export interface StoredObject {
  readonly content: Buffer;
  /** With its quotes, as it travels. */
  readonly etag: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  /** What was said about it and is said again with it: `content-type`, `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum: Checksum | undefined;
}

export interface StoredPart {
  readonly content: Buffer;
  readonly etag: string;
  readonly modifiedAt: number;
  readonly checksum: Checksum | undefined;
}

export interface Upload {
  readonly id: string;
  readonly key: string;
  readonly startedAt: number;
  readonly headers: Readonly<Record<string, string>>;
  /** How the whole is to be summed up, if so wished. */
  readonly checksum: Pick<Checksum, "algorithm" | "type"> | undefined;
  readonly parts: Map<number, StoredPart>;
}

export function etagOf(content: Uint8Array): string {
  return `"${createHash("md5").update(content).digest("hex")}"`;
}

/** The etag of an object of parts: the hash of the parts' hashes, and their number. */
export function multipartEtag(parts: readonly StoredPart[]): string {
  const hashes = Buffer.concat(parts.map(({ etag }) => Buffer.from(etag.slice(1, -1), "hex")));
  return `"${createHash("md5").update(hashes).digest("hex")}-${parts.length}"`;
}

export class Bucket {
  readonly name: string;
  readonly createdAt: number;
  readonly uploads = new Map<string, Upload>();
  readonly #objects = new Map<string, StoredObject>();
  #sortedKeys: readonly string[] | undefined;

  constructor(name: string, createdAt: number) {
    this.name = name;
    this.createdAt = createdAt;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  put(key: string, object: StoredObject): void {
    if (!this.#objects.has(key)) this.#sortedKeys = undefined;
    this.#objects.set(key, Object.freeze(object));
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#sortedKeys = undefined;
  }

  get isEmpty(): boolean {
    return this.#objects.size === 0;
  }

  /** All keys in the order in which S3 lists them: by their UTF-8 bytes. */
  keys(): readonly string[] {
    this.#sortedKeys ??= [...this.#objects.keys()]
      .map((key) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
    return this.#sortedKeys;
  }
}

export class Store {
  readonly #buckets = new Map<string, Bucket>();

  find(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  create(name: string, createdAt: number): Bucket {
    const bucket = new Bucket(name, createdAt);
    this.#buckets.set(name, bucket);
    return bucket;
  }

  delete(name: string): void {
    this.#buckets.delete(name);
  }

  list(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
