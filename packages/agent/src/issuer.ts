/**
 * Hands out what one Keeper holds. The documents are made once for each rotation; a request only compares two instants,
 * so it never waits for the source, however many ask. Fresher credentials are looked for ahead of the rules in
 * `validity.ts`, by a timer, or by a use that comes before it, as after a machine slept.
 */

import type { Clock, Random, Timer } from "@evertoken/core";
import type { Identity, Keeper, KeeperStatus } from "@evertoken/credentials";
import { type Documents, documentsOf } from "./documents.js";
import { LEAST_REMAINING_MS, lookAgainMs, lookAheadMs, mayBeHandedOut } from "./validity.js";

/** What can be handed out, of one rotation. */
export interface Offer {
  readonly generation: number;
  readonly accessKeyId: string;
  /** As the source calls it, where it tells. */
  readonly roleName: string | undefined;
  /** By the source's clock, in epoch milliseconds, cut down to whole seconds. */
  readonly expiresAt: number;
  readonly documents: Documents;
  readonly lookAheadMs: number;
}

export interface IssuerOptions {
  /** `default`, or the name of an assumed role. */
  readonly name: string;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly random: Random;
}

export class Issuer {
  readonly name: string;
  readonly #keeper: Keeper;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #stopListening: (() => void)[];
  #offer: Offer | undefined;
  #skewMs = 0;
  #failingSince: number | undefined;
  /** Wall clock: from then on the next use looks for fresher credentials. */
  #lookAt = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;

  constructor({ name, keeper, clock, random }: IssuerOptions) {
    this.name = name;
    this.#keeper = keeper;
    this.#clock = clock;
    this.#random = random;
    this.#stopListening = [
      keeper.on("rotated", () => void this.#take()),
      keeper.on("refresh", ({ outcome, at }) => {
        this.#skewMs = keeper.status().skewMs;
        this.#failingSince = outcome === "failed" ? (this.#failingSince ?? at) : undefined;
        this.#plan();
      }),
    ];
  }

  /** Waits for the first load, whatever comes of it. */
  async open(): Promise<void> {
    await this.#take();
  }

  /** What may be handed out now; undefined when there is nothing that lives long enough. */
  offer(): Offer | undefined {
    const offer = this.#offer;
    if (offer === undefined) return undefined;
    if (this.#clock.now() >= this.#lookAt) this.#look();
    return mayBeHandedOut(offer.expiresAt - this.sourceNow()) ? offer : undefined;
  }

  /**
   * This host's clock was set: the source's stands where it stood, so the skew is another. Set back that is certain; forward it may be
   * the truth, of a machine that slept, and counts until the source has been asked, which is done at once.
   */
  noteClockStep(byMs: number): void {
    if (byMs < 0) {
      this.#keeper.noteSkew(this.#keeper.status().skewMs - byMs);
      this.#skewMs = this.#keeper.status().skewMs;
    }
    this.#look();
  }

  /** How long what is held may still be handed out, in milliseconds; 0 when it may not. */
  servableMs(): number {
    if (this.#offer === undefined) return 0;
    return Math.max(0, this.#offer.expiresAt - LEAST_REMAINING_MS - this.sourceNow());
  }

  status(): KeeperStatus {
    return this.#keeper.status();
  }

  /** Since when the source has not answered, in epoch milliseconds; undefined while it does. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  /** Whether the source gave credentials that never end, which are not handed out. */
  get holdsPermanent(): boolean {
    const { accessKeyId, expiresAt } = this.#keeper.status();
    return accessKeyId !== undefined && expiresAt === undefined;
  }

  /** The source's present: this host's, put right by the skew that was measured. */
  sourceNow(): number {
    return this.#clock.now() + this.#skewMs;
  }

  close(): void {
    for (const stop of this.#stopListening) stop();
    this.#timer?.cancel();
    this.#lookAt = Number.POSITIVE_INFINITY;
  }

  async #take(): Promise<void> {
    let identity: Identity;
    try {
      identity = await this.#keeper.provider();
    } catch {
      // The Keeper tells of it by its own events and status; it goes on asking.
      return;
    }
    const { secretAccessKey, sessionToken } = identity;
    const { generation, accessKeyId, accountId, expiresAt, receivedAt, roleName, skewMs } = this.#keeper.status();
    // Permanent credentials have no end to judge by and must not leave the place where they are kept.
    if (expiresAt === undefined || receivedAt === undefined || sessionToken === undefined) return;
    if (accessKeyId === undefined || accessKeyId !== identity.accessKeyId) return;
    this.#skewMs = skewMs;
    const wholeExpiresAt = Math.floor(expiresAt / 1000) * 1000;
    this.#offer = Object.freeze({
      generation,
      accessKeyId,
      roleName,
      expiresAt: wholeExpiresAt,
      documents: documentsOf({
        accessKeyId,
        secretAccessKey,
        sessionToken,
        accountId,
        expiresAt: wholeExpiresAt,
        receivedAt,
      }),
      lookAheadMs: lookAheadMs(expiresAt - receivedAt),
    });
    this.#plan();
  }

  #look(): void {
    this.#lookAt = Number.POSITIVE_INFINITY;
    // Its outcome is told by the Keeper's events, on which the next look is planned.
    this.#keeper.refresh().catch(() => {});
  }

  /** After each answer of the source: when to look again. */
  #plan(): void {
    this.#timer?.cancel();
    if (this.#offer === undefined) return;
    const untilAhead = this.#offer.expiresAt - this.sourceNow() - this.#offer.lookAheadMs;
    const delay = Math.ceil(untilAhead > 0 ? untilAhead : lookAgainMs(this.#random));
    this.#lookAt = this.#clock.now() + delay;
    this.#timer = this.#clock.setTimer(delay, () => this.#look());
  }
}
