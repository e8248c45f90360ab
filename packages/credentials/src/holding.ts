/**
 * What a Keeper holds and what that counts as: the identity, the access key ids that a service refused, the skew of this
 * host's clock. Judged anew at each question by the wall clock. It also decides what is taken of an answer. It waits for
 * nothing and asks nobody: that is `refresher.ts`.
 */

import type { Clock, Random } from "@evertoken/core";
import { expiryOf, type Held, hold, isSame } from "./held.js";
import type { RefreshOutcome } from "./keeper.js";
import type { KeeperSettings } from "./options.js";
import { judge, type KeeperState, untilNextFreshness } from "./policy.js";
import { Refusals } from "./refusals.js";
import type { Credentials, Loaded } from "./source.js";

export class Holding {
  readonly refusals = new Refusals();
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #maxWaitMs: number;
  #held: Held | undefined;
  #skewMs = 0;

  constructor({ clock, random, maxWaitMs }: KeeperSettings) {
    this.#clock = clock;
    this.#random = random;
    this.#maxWaitMs = maxWaitMs;
  }

  get held(): Held | undefined {
    return this.#held;
  }

  get skewMs(): number {
    return this.#skewMs;
  }

  noteSkew(skewMs: number): void {
    this.#skewMs = skewMs;
  }

  get state(): KeeperState {
    const held = this.#held;
    if (held === undefined) return "empty";
    if (this.refusals.has(held.identity.accessKeyId)) return "rejected";
    return judge(this.remaining(held), held.windows);
  }

  remaining(held: Held): number {
    return held.expiresAt - this.#now();
  }

  /** How long until time alone changes the state. */
  untilChange(): number {
    const held = this.#held;
    if (held === undefined || this.state === "rejected") return Number.POSITIVE_INFINITY;
    return untilNextFreshness(this.remaining(held), held.windows);
  }

  /** Takes what the source offers, if it is better than what we hold. */
  take({ credentials, skewMs }: Loaded): Exclude<RefreshOutcome, "failed"> {
    if (skewMs !== undefined) this.#skewMs = skewMs;
    const held = this.#held;
    const { state } = this;
    if (this.refusals.has(credentials.accessKeyId)) {
      const needed = state === "empty" || state === "rejected" || state === "expired";
      const now = this.#clock.network.monotonic();
      if (!needed || !this.refusals.offeredAgain(credentials.accessKeyId, now, this.#maxWaitMs)) return "refused";
    } else if (state === "rejected" || held?.identity.accessKeyId !== credentials.accessKeyId) {
      this.refusals.otherOffered();
    }
    if (held !== undefined) {
      if (isSame(held, credentials)) return "unchanged";
      if (!this.#yieldsTo(credentials, held) && expiryOf(credentials) < held.expiresAt) return "staler";
    }
    this.refusals.taken(credentials.accessKeyId);
    this.#held = hold(credentials, (held?.generation ?? 0) + 1, this.#now(), this.#random);
    return "rotated";
  }

  /** Whether what is held makes room even for what ends before it: no trust in what a service has refused. */
  #yieldsTo(offered: Credentials, { identity }: Held): boolean {
    if (this.state === "rejected") return true;
    return this.refusals.wasTakenAgain(identity.accessKeyId) && expiryOf(offered) > this.#now();
  }

  /** The source's present, as far as we can tell. */
  #now(): number {
    return this.#clock.now() + this.#skewMs;
  }
}
