/**
 * The credentials of the instance's role as EC2 hands them out: valid for about six hours, replaced by others about
 * hourly, the old ones good until their own end (botocore #2670).
 *
 * There is no timer: what is current follows from the instant of the question.
 */

import { jittered, type Random, seededRandom } from "@evertoken/core";
import type { IssuedCredential, Ledger } from "./ledger.js";

export interface InstanceRoleOptions {
  readonly ledger: Ledger;
  readonly roleName: string;
  readonly lifetimeMs: number;
  readonly rotationIntervalMs: number;
  readonly seed: number;
}

/** EC2 does not rotate by the stroke of the hour. */
const ROTATION_JITTER = 0.03;

export class InstanceRole {
  readonly roleName: string;
  readonly #ledger: Ledger;
  readonly #lifetimeMs: number;
  readonly #rotationIntervalMs: number;
  readonly #random: Random;
  #current: IssuedCredential | undefined;
  #rotatesAt = Number.NEGATIVE_INFINITY;

  constructor({ ledger, roleName, lifetimeMs, rotationIntervalMs, seed }: InstanceRoleOptions) {
    this.roleName = roleName;
    this.#ledger = ledger;
    this.#lifetimeMs = lifetimeMs;
    this.#rotationIntervalMs = rotationIntervalMs;
    this.#random = seededRandom(seed);
  }

  /** @param stuck the rotation hangs: what was current stays current, and the rotation comes when it no longer hangs. */
  current(now: number, stuck: boolean): IssuedCredential {
    if (this.#current === undefined) return this.#issue(now);
    if (now < this.#rotatesAt) return this.#current;
    if (stuck) {
      this.#rotatesAt = now;
      return this.#current;
    }
    let issuedAt = this.#rotatesAt;
    // Of several rotations that nobody asked about, the last is the one that is current now.
    while (issuedAt + this.#rotationIntervalMs <= now) issuedAt += this.#rotationIntervalMs;
    return this.#issue(issuedAt);
  }

  /** Services refuse all credentials issued so far, and others are current at once. */
  revoke(now: number): void {
    this.#ledger.revokeAll();
    this.#issue(now);
  }

  #issue(issuedAt: number): IssuedCredential {
    this.#current = this.#ledger.issue(this.roleName, issuedAt, this.#lifetimeMs);
    this.#rotatesAt = issuedAt + jittered(this.#rotationIntervalMs, ROTATION_JITTER, this.#random);
    return this.#current;
  }
}
