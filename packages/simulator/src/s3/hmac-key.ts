/**
 * HMAC-SHA-256 with a key that is used again and again: two hashes, each at once, without an object of Node.js's that has to be
 * made, told the key and collected for each signature.
 * @see https://www.rfc-editor.org/rfc/rfc2104
 */

import { hash } from "node:crypto";

/** Of SHA-256, in bytes. */
const BLOCK = 64;
const DIGEST = 32;

export class HmacKey {
  /** The key for the inner hash, and behind it the text. */
  #inner = Buffer.alloc(BLOCK + 512);
  readonly #outer = Buffer.alloc(BLOCK + DIGEST);

  /** @param key of at most 64 bytes. */
  constructor(key: Uint8Array) {
    for (let at = 0; at < BLOCK; at++) {
      this.#inner[at] = (key[at] ?? 0) ^ 0x36;
      this.#outer[at] = (key[at] ?? 0) ^ 0x5c;
    }
  }

  /** @returns hexadecimal digits. */
  sign(text: string): string {
    const mostBytes = BLOCK + 3 * text.length;
    if (mostBytes > this.#inner.length) this.#inner = Buffer.concat([this.#inner.subarray(0, BLOCK)], mostBytes);
    const end = BLOCK + this.#inner.write(text, BLOCK, "utf8");
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end)), BLOCK, "hex");
    return hash("sha256", this.#outer);
  }
}
