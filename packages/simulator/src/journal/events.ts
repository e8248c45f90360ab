/** What happened beside requests: it is in the journal so that the story of a request can be told. */

export type JournalEvent = {
  /** By the simulator's clock, in epoch milliseconds. */
  readonly at: number;
} & (
  | {
      readonly event: "credential-issued";
      readonly generation: number;
      readonly accessKeyId: string;
      readonly roleName: string;
      readonly expiresAt: number;
    }
  | {
      readonly event: "credentials-revoked";
      /** The newest generation of those that were revoked. */
      readonly generation: number;
    }
  | {
      /** A fault gave a client another credential than the service's. */
      readonly event: "credential-swapped";
      readonly generation: number;
      readonly client: string;
    }
  | { readonly event: "fault-started" | "fault-ended"; readonly fault: string }
);
