/** What the parts of a simulator have to tell the journal, beside requests. */

import type { EventSource } from "@evertoken/core";
import type { FaultEvents } from "../faults/board.js";
import type { Asked } from "../gate/asked.js";
import type { Journal } from "../journal.js";
import type { IssuedCredential } from "../ledger.js";

/** Tells of faults from now on. */
export function tellOfFaults(journal: Journal, faults: EventSource<FaultEvents>): void {
  faults.on("faultStarted", ({ name, at }) => journal.tell({ at, event: "fault-started", fault: name }));
  faults.on("faultEnded", ({ name, at }) => journal.tell({ at, event: "fault-ended", fault: name }));
}

export class CredentialNews {
  readonly #journal: Journal;
  readonly #now: () => number;
  #newest = 0;

  constructor(journal: Journal, now: () => number) {
    this.#journal = journal;
    this.#now = now;
  }

  readonly issued = ({ generation, accessKeyId, roleName, expiresAt, issuedAt }: IssuedCredential): void => {
    this.#newest = generation;
    this.#journal.tell({ at: issuedAt, event: "credential-issued", generation, accessKeyId, roleName, expiresAt });
  };

  revoked(at: number): void {
    this.#journal.tell({ at, event: "credentials-revoked", generation: this.#newest });
  }

  readonly swapped = (generation: number, { client }: Asked): void => {
    this.#journal.tell({ at: this.#now(), event: "credential-swapped", generation, client });
  };
}
