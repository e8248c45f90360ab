/**
 * Every credential this simulator has ever issued, and the one place where it is judged. IMDS issues into the ledger and
 * S3 asks it, so S3 verifies the very credentials that this IMDS handed out, until their true end and no longer.
 */

import { createHash } from "node:crypto";

/** A credential as the ledger remembers it. */
export interface IssuedCredential {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly roleName: string;
  /** 1 for the first credential this simulator issued, 2 for the next, … */
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

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

export class Ledger {
  readonly #seed: number;
  readonly #tell: (issued: IssuedCredential) => void;
  readonly #issued = new Map<string, IssuedCredential>();
  readonly #revoked = new Set<string>();

  /** @param tell hears of each credential that is issued. */
  constructor(seed: number, tell: (issued: IssuedCredential) => void = () => {}) {
    this.#seed = seed;
    this.#tell = tell;
  }

  issue(roleName: string, issuedAt: number, lifetimeMs: number): IssuedCredential {
    const generation = this.#issued.size + 1;
    const bytes = (purpose: string, length: number) => this.#bytes(`${purpose}/${generation}`, length);
    const credential: IssuedCredential = Object.freeze({
      // Temporary access key ids start with ASIA and have 20 characters; secrets have 40.
      accessKeyId: `ASIA${[...bytes("id", 16)].map((byte) => BASE32[byte % 32]).join("")}`,
      secretAccessKey: bytes("secret", 30).toString("base64"),
      sessionToken: `IQoJ${bytes("token", 240).toString("base64")}`,
      roleName,
      generation,
      issuedAt,
      expiresAt: endOf(issuedAt, lifetimeMs),
    });
    this.#issued.set(credential.accessKeyId, credential);
    this.#tell(credential);
    return credential;
  }

  find(accessKeyId: string): IssuedCredential | undefined {
    return this.#issued.get(accessKeyId);
  }

  /** From now on services refuse all credentials issued so far as expired, however long they were to live. */
  revokeAll(): void {
    for (const accessKeyId of this.#issued.keys()) this.#revoked.add(accessKeyId);
  }

  judge(accessKeyId: string, sessionToken: string | undefined, now: number): Verdict {
    const credential = this.#issued.get(accessKeyId);
    if (credential === undefined) return "unknown";
    if (credential.sessionToken !== sessionToken) return "wrong-session-token";
    if (this.#revoked.has(accessKeyId)) return "revoked";
    return now >= credential.expiresAt ? "expired" : "valid";
  }

  /** Repeatable from the seed, so that equal runs print equal identifiers. Nothing here protects anything real. */
  #bytes(purpose: string, length: number): Buffer {
    const blocks: Buffer[] = [];
    for (let block = 0; block * 64 < length; block++) {
      blocks.push(createHash("sha512").update(`${this.#seed}/${purpose}/${block}`).digest());
    }
    return Buffer.concat(blocks).subarray(0, length);
  }
}
