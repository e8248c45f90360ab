/** The session tokens that this IMDS has granted and still knows. */

import { createHash } from "node:crypto";
import { imdsProtocol } from "@evertoken/imds";

/** The real service has no limit that anybody met; ours keeps memory bounded. */
export const MOST_KNOWN = 50_000;

export class SessionTokens {
  readonly #seed: number;
  readonly #expiresAt = new Map<string, number>();
  #granted = 0;
  /** Not before so many were granted. */
  #sweepsAt = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Undefined when the asked-for lifetime is missing or out of bounds. */
  grant(ttlHeader: string | undefined, now: number): { readonly token: string; readonly ttl: string } | undefined {
    const seconds = ttlHeader !== undefined && /^\d{1,6}$/.test(ttlHeader) ? Number(ttlHeader) : 0;
    if (seconds < 1 || seconds > imdsProtocol.maxTokenTtlSeconds) return undefined;
    this.#granted += 1;
    // 56 characters, as on EC2.
    const digest = createHash("sha512").update(`session/${this.#seed}/${this.#granted}`).digest();
    const token = `${digest.subarray(0, 41).toString("base64url")}=`;
    if (this.#expiresAt.size >= MOST_KNOWN) this.#makeRoom(now);
    this.#expiresAt.set(token, now + seconds * 1000);
    return { token, ttl: String(seconds) };
  }

  judge(token: string | undefined, now: number): "good" | "missing" | "unknown" | "expired" {
    if (token === undefined) return "missing";
    const expiresAt = this.#expiresAt.get(token);
    if (expiresAt === undefined) return "unknown";
    return now < expiresAt ? "good" : "expired";
  }

  forgetAll(): void {
    this.#expiresAt.clear();
  }

  /**
   * Expired tokens are remembered, so that the journal can call them so, until room is needed. Looking for them takes its
   * time, so it is not done again soon after it was in vain: the oldest goes then.
   */
  #makeRoom(now: number): void {
    if (this.#granted >= this.#sweepsAt) {
      for (const [token, expiresAt] of this.#expiresAt) {
        if (expiresAt <= now) this.#expiresAt.delete(token);
      }
      this.#sweepsAt = this.#granted + MOST_KNOWN / 10;
    }
    const [oldest] = this.#expiresAt.keys();
    if (this.#expiresAt.size >= MOST_KNOWN && oldest !== undefined) this.#expiresAt.delete(oldest);
  }
}
