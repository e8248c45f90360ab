/**
 * The credentials of the instance's role as EC2 hands them out: valid for about six hours, replaced by others about
 * hourly, the old ones good until their own end (botocore #2670).
 *
 * There is no timer, and asking changes nothing: the instants of the rotations follow from the start and the seed, so
 * what is current at an instant is the same whoever asked before, or if nobody did.
 */

import { jittered, type Random, seededRandom } from "@evertoken/core";
import type { Caller } from "./iam.js";
import { endOf, type IssuedCredential, type Ledger } from "./ledger.js";

export interface InstanceRoleOptions {
  readonly ledger: Ledger;
  readonly roleName: string;
  /** When the role's first credentials are issued, in epoch milliseconds. */
  readonly startedAt: number;
  readonly lifetimeMs: number;
  readonly rotationIntervalMs: number;
  readonly seed: number;
  /** Who signs with the credentials of that role, as STS tells. */
  readonly caller?: (roleName: string) => Caller;
}

/** EC2 does not rotate by the stroke of the hour. */
const ROTATION_JITTER = 0.03;

export class InstanceRole {
  readonly #ledger: Ledger;
  readonly #caller: InstanceRoleOptions["caller"];
  #roleName: string;
  readonly #lifetimeMs: number;
  readonly #rotationIntervalMs: number;
  readonly #random: Random;
  /** Issued when somebody asks: rotations that nobody asked about leave no trace in the ledger. */
  #current: IssuedCredential | undefined;
  #currentSince: number;
  #rotatesAt: number;
  #holds = 0;

  constructor({ ledger, roleName, startedAt, lifetimeMs, rotationIntervalMs, seed, caller }: InstanceRoleOptions) {
    this.#roleName = roleName;
    this.#caller = caller;
    this.#ledger = ledger;
    this.#lifetimeMs = lifetimeMs;
    this.#rotationIntervalMs = rotationIntervalMs;
    this.#random = seededRandom(seed);
    this.#currentSince = startedAt;
    this.#rotatesAt = this.#rotationAfter(startedAt);
  }

  get roleName(): string {
    return this.#roleName;
  }

  /** Another role, or the same once more: its credentials are new, those of before live on to their end. */
  become(roleName: string, at: number): void {
    this.#catchUp(at);
    this.#roleName = roleName;
    this.#rotate(at);
  }

  current(now: number): IssuedCredential {
    this.#catchUp(now);
    this.#current ??= this.#ledger.issue(
      this.#roleName,
      this.#currentSince,
      this.#lifetimeMs,
      this.#caller?.(this.#roleName),
    );
    return this.#current;
  }

  /** No rotation from `at` on, until each hold is released. */
  hold(at: number): void {
    this.#catchUp(at);
    this.#holds += 1;
  }

  /** The rotation that was due meanwhile comes at `at`. */
  release(at: number): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#rotatesAt = Math.max(this.#rotatesAt, at);
  }

  /** Services refuse all credentials issued so far, and others are current at once, hold or not. */
  revoke(at: number): void {
    this.#ledger.revokeAll();
    this.#rotate(at);
  }

  #catchUp(now: number): void {
    while (this.#holds === 0 && this.#rotatesAt <= now) this.#rotate(this.#rotatesAt);
  }

  #rotate(at: number): void {
    this.#current = undefined;
    this.#currentSince = at;
    this.#rotatesAt = this.#rotationAfter(at);
  }

  /** Never after the end of what it replaces, or IMDS would hand out expired credentials without any fault. */
  #rotationAfter(issuedAt: number): number {
    const rotatesAt = issuedAt + jittered(this.#rotationIntervalMs, ROTATION_JITTER, this.#random);
    return Math.min(rotatesAt, endOf(issuedAt, this.#lifetimeMs));
  }
}
