/**
 * The tokens that Kubernetes gives a pod: in a file that is written anew long before the token's end. With the one for
 * `pods.eks.amazonaws.com` the EKS Pod Identity agent hands out credentials, with the one for `sts.amazonaws.com` STS does
 * (`AssumeRoleWithWebIdentity`). Ours are signed with a key of our own, which follows from the seed.
 * @see https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, parseJsonObject, type Timer } from "@evertoken/core";
import { seededBytes, seededHex, seededUuid } from "../seeded.js";

/** For whom a token is good. */
export type Audience = "pods.eks.amazonaws.com" | "sts.amazonaws.com";

export type TokenVerdict =
  | { readonly verdict: "valid"; readonly subject: string }
  | { readonly verdict: "expired"; readonly endedAt: number }
  | { readonly verdict: "malformed" }
  | { readonly verdict: "foreign"; readonly issuer: string };

/** A day, as Kubernetes has it for EKS. */
const LIFETIME_MS = 24 * 3_600_000;

/** The kubelet writes another one when this much of a token's life is over. */
const RENEWED_AFTER = 0.8;

const SUBJECT = "system:serviceaccount:default:evertoken";

export class IdentityTokens {
  readonly issuer: string;
  readonly #clock: Clock;
  readonly #seed: number;
  readonly #key: Buffer;
  #directory: string | undefined;
  readonly #files = new Map<Audience, string>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(clock: Clock, seed: number, region: string) {
    this.#clock = clock;
    this.#seed = seed;
    this.#key = seededBytes(seed, "identity-token", 32);
    this.issuer = `https://oidc.eks.${region}.amazonaws.com/id/${seededHex(seed, "oidc", 32).toUpperCase()}`;
  }

  issue(audience: Audience): string {
    const issuedAt = Math.floor(this.#clock.now() / 1000);
    const claims = {
      aud: [audience],
      exp: issuedAt + LIFETIME_MS / 1000,
      iat: issuedAt,
      iss: this.issuer,
      "kubernetes.io": {
        namespace: "default",
        pod: { name: "evertoken-0", uid: seededUuid(this.#seed, "pod") },
        serviceaccount: { name: "evertoken", uid: seededUuid(this.#seed, "service-account") },
      },
      nbf: issuedAt,
      sub: SUBJECT,
    };
    const signed = `${encoded({ alg: "HS256", typ: "JWT" })}.${encoded(claims)}`;
    return `${signed}.${this.#signature(signed).toString("base64url")}`;
  }

  judge(token: string, audience: Audience): TokenVerdict {
    const [header = "", claims = "", signature = "", ...more] = token.split(".");
    const said = claimsOf(claims);
    if (more.length > 0 || said === undefined) return { verdict: "malformed" };
    const { iss, aud, exp } = said;
    if (iss !== this.issuer) return { verdict: "foreign", issuer: String(iss) };
    const [given, expected] = [Buffer.from(signature, "base64url"), this.#signature(`${header}.${claims}`)];
    const isOurs = given.length === expected.length && timingSafeEqual(given, expected);
    if (!isOurs || !Array.isArray(aud) || !aud.includes(audience)) return { verdict: "malformed" };
    const endedAt = Number(exp) * 1000;
    return this.#clock.now() < endedAt ? { verdict: "valid", subject: SUBJECT } : { verdict: "expired", endedAt };
  }

  /** The path of a file with a token for that audience, written when it is first asked for, and kept fresh. */
  file(audience: Audience): string {
    const known = this.#files.get(audience);
    if (known !== undefined) return known;
    this.#directory ??= mkdtempSync(join(tmpdir(), "evertoken-simulator-"));
    const path = join(this.#directory, audience === "sts.amazonaws.com" ? "web-identity-token" : "pod-identity-token");
    this.#files.set(audience, path);
    this.#write(audience, path);
    this.#renewLater();
    return path;
  }

  /** Takes the files away. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
  }

  #renewLater(): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(LIFETIME_MS * RENEWED_AFTER, () => {
      if (this.#isClosed) return;
      for (const [audience, path] of this.#files) this.#write(audience, path);
      this.#renewLater();
    });
  }

  /** In one step: whoever reads finds the old one or the new one, whole. */
  #write(audience: Audience, path: string): void {
    writeFileSync(`${path}.next`, this.issue(audience), { mode: 0o600 });
    renameSync(`${path}.next`, path);
  }

  #signature(signed: string): Buffer {
    return createHmac("sha256", this.#key).update(signed).digest();
  }
}

function claimsOf(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return parseJsonObject(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString("base64url");
}
