/**
 * The access key ids that a service refused as expired. Such an id is not taken from the source again, unless the source
 * has offered nothing else for a while: then the service may have been wrong, and going on beats standing still.
 */

export interface Refusal {
  readonly accessKeyId: string;
  /** What the service said. */
  readonly reason: string;
  /** How often it was refused, taken again and refused again. */
  readonly times: number;
}

/** Rotations bring a new id each hour: older ones than this are long gone from every source. */
const REMEMBERED = 32;

export class Refusals {
  readonly #refused = new Map<string, Refusal>();
  readonly #takenAgain = new Map<string, number>();
  #onlyOfferSince: number | undefined;

  has(accessKeyId: string): boolean {
    return this.#refused.has(accessKeyId);
  }

  /** How often it has been refused by now; 0 when it has not. */
  times(accessKeyId: string | undefined): number {
    return accessKeyId === undefined ? 0 : (this.#refused.get(accessKeyId)?.times ?? 0);
  }

  add(accessKeyId: string, reason: string): Refusal {
    const refusal = { accessKeyId, reason, times: (this.#takenAgain.get(accessKeyId) ?? 0) + 1 };
    this.#refused.set(accessKeyId, refusal);
    this.#onlyOfferSince = undefined;
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > REMEMBERED && oldest !== undefined) this.#refused.delete(oldest);
    return refusal;
  }

  /**
   * The source offered a refused id, at `now` (monotonic), and we have nothing better.
   * @returns whether it has offered nothing else for longer than `patienceMs`, so that the id may be taken again.
   */
  offeredAgain(accessKeyId: string, now: number, patienceMs: number): boolean {
    this.#onlyOfferSince ??= now;
    if (now - this.#onlyOfferSince < patienceMs) return false;
    const refusal = this.#refused.get(accessKeyId);
    this.#refused.delete(accessKeyId);
    this.#takenAgain.set(accessKeyId, refusal?.times ?? 1);
    this.#onlyOfferSince = undefined;
    return true;
  }

  /** Whether it is held for want of others only, after a service refused it. */
  wasTakenAgain(accessKeyId: string): boolean {
    return this.#takenAgain.has(accessKeyId);
  }

  /** The source offered something that no service has refused. */
  otherOffered(): void {
    this.#onlyOfferSince = undefined;
  }

  /** This id is held from now on: what was taken again before is of no interest any more. */
  taken(accessKeyId: string): void {
    for (const id of this.#takenAgain.keys()) if (id !== accessKeyId) this.#takenAgain.delete(id);
  }
}
