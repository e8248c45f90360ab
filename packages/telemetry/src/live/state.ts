/**
 * What a page shows of a process that keeps credentials: plain JSON, bounded, without any secret. Sent over server-sent
 * events: `hello` ({@link Hello}) on each connect, then `tick` ({@link Tick}) at the pace that `hello` names, and `told`
 * ({@link Told}) as things happen. Instants are epoch milliseconds of the observed process's own clock, which may run fast.
 */

export interface Hello {
  /** Of the process: a page that reconnects to another one begins anew. */
  readonly run: string;
  readonly subject: "agent" | "simulate" | "demo" | "application";
  readonly host: string;
  readonly version: string;
  /** Real milliseconds between two ticks. */
  readonly tickMs: number;
  readonly state: LiveState;
  /** Oldest first, evenly bounded: what the charts begin with. One list per lane, in the order of `state.lanes`. */
  readonly samples: readonly (readonly Sample[])[];
  /** Oldest first. */
  readonly told: readonly Told[];
}

export interface Tick {
  readonly state: LiveState;
  /** One per lane. */
  readonly samples: readonly Sample[];
}

export interface LiveState {
  readonly now: number;
  /** 1 in real time; the simulator's clock may run faster. */
  readonly speed: number;
  /** Of the simulator; empty elsewhere. */
  readonly faults: readonly LiveFault[];
  /** One; in the demo two, side by side: `evertoken` and `stock`. */
  readonly lanes: readonly LiveLane[];
}

export interface LiveFault {
  readonly name: string;
  /** What it does, in words. */
  readonly description: string;
  readonly since: number;
  readonly until?: number;
}

export interface LiveLane {
  readonly name: string;
  /**
   * How long requests would go on to succeed if the source went away now, in milliseconds; undefined when there is nothing to
   * tell yet, or for credentials that never end.
   */
  readonly survivalMs?: number;
  readonly keepers: readonly LiveKeeper[];
  /** In the order in which they were observed; empty where there is none. */
  readonly pools: readonly LivePool[];
  readonly imds?: LiveImds;
  readonly totals: Totals;
}

export interface LiveKeeper {
  readonly name: string;
  /** `empty`, `fresh`, `advisory`, `mandatory`, `expired`, `rejected`. */
  readonly state: string;
  /** In words: `IMDS at http://169.254.169.254`. */
  readonly source: string;
  readonly role?: string;
  readonly skewMs: number;
  readonly lastRefresh?: { readonly at: number; readonly outcome: string; readonly error?: string };
  /** Oldest first, the last few dozen: the ribbon. */
  readonly generations: readonly LiveGeneration[];
}

/** Credentials as they were taken: an access key id names them, and is no secret. */
export interface LiveGeneration {
  readonly generation: number;
  readonly accessKeyId: string;
  readonly issuedAt?: number;
  readonly takenAt: number;
  /** When asking for the next begins. */
  readonly advisoryAt?: number;
  readonly expiresAt?: number;
  readonly rejectedAt?: number;
}

export interface LiveImds {
  /** When the session token ends, where one is held. */
  readonly sessionTokenExpiresAt?: number;
}

export interface LivePool {
  /** Of its own within its lane. */
  readonly name: string;
  readonly queued: number;
  readonly members: readonly LiveMember[];
}

export interface LiveMember {
  readonly id: number;
  readonly state: "serving" | "ejected" | "draining";
  readonly createdAt: number;
  readonly inFlight: number;
  readonly ejectedUntil?: number;
}

/** Since the process began. */
export interface Totals {
  readonly requests: number;
  readonly failures: number;
  readonly replays: number;
  /** Stale-credential errors that reached a caller. */
  readonly surfaced: number;
  readonly refreshes: number;
  readonly refreshFailures: number;
  readonly rotations: number;
  readonly rejections: number;
  readonly ejections: number;
  /** Requests by what became of them: `200`, `401`, `503`, `no answer`. */
  readonly imdsAnswers: Readonly<Record<string, number>>;
}

/** What happened between two ticks. */
export interface Sample {
  readonly at: number;
  readonly survivalMs?: number;
  readonly requests: number;
  readonly failures: number;
  readonly replays: number;
  readonly surfaced: number;
  readonly refreshes: number;
  readonly refreshFailures: number;
  readonly imdsAnswers: Readonly<Record<string, number>>;
  /** Real milliseconds; undefined without any. */
  readonly requestP50Ms?: number;
  readonly requestP99Ms?: number;
  readonly refreshMs?: number;
}

export interface Told {
  /** Counts up, without gaps, within one run. */
  readonly id: number;
  readonly at: number;
  readonly lane?: string;
  readonly kind:
    | "rotated"
    | "refresh-failed"
    | "refresh-recovered"
    | "rejected"
    | "replayed"
    | "surfaced"
    | "ejected"
    | "fault-started"
    | "fault-ended"
    | "state";
  readonly severity: "good" | "note" | "warning" | "error";
  /** One plain sentence: `IMDS has not answered for 12 minutes; requests go on with credentials that last 4 h 40 min.` */
  readonly text: string;
  /** How it came to it, oldest first, a line each: for an ExpiredToken from the issue of the credentials on. */
  readonly story?: readonly string[];
}
