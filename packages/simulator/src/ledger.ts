/**
 * Every credential this simulator has ever issued, and the one place where it is judged. IMDS, the container endpoint and
 * STS issue into the ledger, S3 and STS ask it: they verify the very credentials that were handed out here, until their
 * true end and no longer.
 */

import type { Caller } from "./iam.js";
import { seededBase32, seededBytes } from "./seeded.js";

/** A credential as the ledger remembers it. */
export interface IssuedCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Empty: a long-term access key, which has none. */
  readonly sessionToken: string;
  /** The role, or the user, that it was issued to. */
  readonly roleName: string;
  /** Who signs with it, as STS tells. */
  readonly caller: Caller | undefined;
  /** 1 for the first temporary credential this simulator issued, 2 for the next, …; 0 for a long-term access key. */
  readonly generation: number;
  /** Epoch milliseconds, by the simulator's clock. */
  readonly issuedAt: number;
  /** From this instant on services answer `ExpiredToken`. Whole seconds, as IMDS prints it. */
  readonly expiresAt: number;
}

export type Verdict = "valid" | "expired" | "revoked" | "unknown" | "wrong-session-token";

/** IMDS prints instants in whole seconds, and what it prints is the true end. */
export function endOf(issuedAt: number, lifetimeMs: number): number {
  return Math.floor((issuedAt + lifetimeMs) / 1000) * 1000;
}

/** STS issues one for each request: older ones make room, and are unknown from then on. */
export const MOST_KNOWN = 20_000;

export class Ledger {
  readonly #seed: number;
  readonly #tell: (issued: IssuedCredential) => void;
  readonly #issued = new Map<string, IssuedCredential>();
  readonly #revoked = new Set<string>();
  #generation = 0;

  /** @param tell hears of each credential that is issued. */
  constructor(seed: number, tell: (issued: IssuedCredential) => void = () => {}) {
    this.#seed = seed;
    this.#tell = tell;
  }

  issue(roleName: string, issuedAt: number, lifetimeMs: number, caller?: Caller): IssuedCredential {
    this.#generation += 1;
    const generation = this.#generation;
    const issued = this.#add({
      // Temporary access key ids start with ASIA and have 20 characters; secrets have 40.
      accessKeyId: `ASIA${seededBase32(this.#seed, `id/${generation}`, 16)}`,
      secretAccessKey: seededBytes(this.#seed, `secret/${generation}`, 30).toString("base64"),
      sessionToken: `IQoJ${seededBytes(this.#seed, `token/${generation}`, 240).toString("base64")}`,
      roleName,
      caller,
      generation,
      issuedAt,
      expiresAt: endOf(issuedAt, lifetimeMs),
    });
    this.#tell(issued);
    return issued;
  }

  /** The access key of an IAM user: without a session token, without an end, and no fault revokes it. */
  longTermKey(userName: string, caller: Caller): IssuedCredential {
    return this.#add({
      accessKeyId: `AKIA${seededBase32(this.#seed, `user-id/${userName}`, 16)}`,
      secretAccessKey: seededBytes(this.#seed, `user-secret/${userName}`, 30).toString("base64"),
      sessionToken: "",
      roleName: userName,
      caller,
      generation: 0,
      issuedAt: 0,
      expiresAt: Number.POSITIVE_INFINITY,
    });
  }

  find(accessKeyId: string): IssuedCredential | undefined {
    return this.#issued.get(accessKeyId);
  }

  /** From now on services refuse all credentials issued so far as expired, however long they were to live. */
  revokeAll(): void {
    for (const { accessKeyId, sessionToken } of this.#issued.values()) {
      if (sessionToken !== "") this.#revoked.add(accessKeyId);
    }
  }

  judge(accessKeyId: string, sessionToken: string | undefined, now: number): Verdict {
    const credential = this.#issued.get(accessKeyId);
    if (credential === undefined) return "unknown";
    if (credential.sessionToken !== (sessionToken ?? "")) return "wrong-session-token";
    if (this.#revoked.has(accessKeyId)) return "revoked";
    return now >= credential.expiresAt ? "expired" : "valid";
  }

  #add(issued: IssuedCredential): IssuedCredential {
    const credential = Object.freeze(issued);
    this.#issued.set(credential.accessKeyId, credential);
    if (this.#issued.size > MOST_KNOWN) this.#makeRoom();
    return credential;
  }

  #makeRoom(): void {
    for (const { accessKeyId, sessionToken } of this.#issued.values()) {
      if (sessionToken === "") continue;
      this.#issued.delete(accessKeyId);
      this.#revoked.delete(accessKeyId);
      return;
    }
  }
}
