/**
 * A request's place at a member. What is sent past the clients never asks for one; who does gets the member's own, created
 * by then, or that of another member, to which the request moves.
 */

import type { AwsClient } from "./aws-types.js";
import type { Crew } from "./crew.js";
import type { Member } from "./member.js";

export interface Seat<C extends AwsClient> {
  /** The client of the member that was chosen, if it has been needed before. */
  readonly client: C | undefined;
  /** How far this host's clock is off, in milliseconds, as far as the pool knows; a client knows better. */
  readonly skewMs: number;
  /**
   * The client that the request is to be sent by.
   * @throws ClientCreationError when it cannot be created, and there is no other.
   */
  open(): C;
}

export interface SeatSettings<C extends AwsClient> {
  readonly crew: Crew<C>;
  /** Which of the members that have a client takes a request whose own cannot be created. */
  readonly chooseOther: () => Member<C> | undefined;
}

export class MemberSeat<C extends AwsClient> implements Seat<C> {
  readonly #settings: SeatSettings<C>;
  #member: Member<C>;

  constructor(settings: SeatSettings<C>, member: Member<C>) {
    this.#settings = settings;
    this.#member = member;
  }

  /** Where the request is now. */
  get member(): Member<C> {
    return this.#member;
  }

  get client(): C | undefined {
    return this.#member.client;
  }

  get skewMs(): number {
    return this.#settings.crew.skewMs;
  }

  open(): C {
    const { crew, chooseOther } = this.#settings;
    try {
      return crew.clientOf(this.#member);
    } catch (error) {
      const other = chooseOther();
      if (other === undefined) throw error;
      this.#moveTo(other);
      return crew.clientOf(other);
    }
  }

  #moveTo(other: Member<C>): void {
    for (const [member, by] of [
      [this.#member, -1],
      [other, 1],
    ] as const) {
      member.inFlight += by;
      member.counts.sent += by;
    }
    this.#settings.crew.released(this.#member);
    this.#member = other;
  }
}
