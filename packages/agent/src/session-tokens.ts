/**
 * IMDSv2 session tokens that need no table: each carries its own end, signed. They stay good over a restart of the agent
 * as long as its key does, so a restart costs no client a 401.
 *
 *     version (1 byte) · end in epoch seconds (4) · random (11) · HMAC-SHA256 of these (32), as base64url
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock, Secret } from "@evertoken/core";

const VERSION = 1;
const SIGNED_BYTES = 16;
const TOKEN_BYTES = SIGNED_BYTES + 32;
/** 48 bytes are 64 characters without padding. */
const TOKEN_CHARACTERS = (TOKEN_BYTES / 3) * 4;

export const SESSION_KEY_BYTES = 32;

export class SessionTokens {
  readonly #key: Secret;
  readonly #clock: Clock;

  /** @param key {@link SESSION_KEY_BYTES} as base64. */
  constructor(key: Secret, clock: Clock) {
    this.#key = key;
    this.#clock = clock;
  }

  grant(ttlSeconds: number): string {
    const token = Buffer.alloc(TOKEN_BYTES);
    token.writeUInt8(VERSION, 0);
    token.writeUInt32BE(Math.floor(this.#clock.now() / 1000) + ttlSeconds, 1);
    randomBytes(SIGNED_BYTES - 5).copy(token, 5);
    this.#sign(token).copy(token, SIGNED_BYTES);
    return token.toString("base64url");
  }

  accepts(text: string | undefined): boolean {
    if (text?.length !== TOKEN_CHARACTERS) return false;
    const token = Buffer.from(text, "base64url");
    if (token.length !== TOKEN_BYTES || token[0] !== VERSION) return false;
    if (!timingSafeEqual(token.subarray(SIGNED_BYTES), this.#sign(token))) return false;
    return token.readUInt32BE(1) * 1000 > this.#clock.now();
  }

  #sign(token: Buffer): Buffer {
    return createHmac("sha256", Buffer.from(this.#key.reveal(), "base64"))
      .update(token.subarray(0, SIGNED_BYTES))
      .digest();
  }
}
