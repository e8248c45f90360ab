/**
 * Signature Version 4, for requests whose headers and query come in the right order already. The signing key is good for
 * a day, a region and a pair of credentials, so it is derived once for these; the date's text is good for a second.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */

import { createHmac, createSecretKey, hash, type KeyObject } from "node:crypto";
import type { Identity } from "@evertoken/credentials";

export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export interface Scope {
  readonly region: string;
  readonly service: string;
}

interface SigningKey {
  readonly identity: Identity;
  readonly day: string;
  readonly scope: string;
  readonly key: KeyObject;
}

export interface ToSign {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** `name:value\n` of each, sorted by name. */
  readonly canonicalHeaders: string;
  /** Names of the same, with `;` between them. */
  readonly signedHeaders: string;
  readonly payloadHash: string;
}

export class Signer {
  readonly #scope: Scope;
  #key: SigningKey | undefined;
  #second = Number.NaN;
  #date = "";

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** `20261125T120000Z` for an instant in epoch milliseconds. */
  date(now: number): string {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1000).toISOString().replace(/-|:|\.000/g, "");
    }
    return this.#date;
  }

  /** The `authorization` header. */
  sign(
    { method, path, query, canonicalHeaders, signedHeaders, payloadHash }: ToSign,
    date: string,
    identity: Identity,
  ) {
    const { key, scope } = this.#keyFor(identity, date.slice(0, 8));
    const canonical = `${method}\n${path}\n${query}\n${canonicalHeaders}\n${signedHeaders}\n${payloadHash}`;
    const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash("sha256", canonical, "hex")}`;
    const signature = createHmac("sha256", key).update(toSign).digest("hex");
    return `AWS4-HMAC-SHA256 Credential=${identity.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
  }

  #keyFor(identity: Identity, day: string): SigningKey {
    const held = this.#key;
    if (held !== undefined && held.identity === identity && held.day === day) return held;
    const { region, service } = this.#scope;
    const steps = [day, region, service, "aws4_request"];
    const bytes = steps.reduce<Buffer>(
      (key, step) => createHmac("sha256", key).update(step).digest(),
      Buffer.from(`AWS4${identity.secretAccessKey}`),
    );
    this.#key = { identity, day, scope: steps.join("/"), key: createSecretKey(bytes) };
    return this.#key;
  }
}
