/**
 * What a fault is: a sentence, what it can be told, and what it does to requests or to the world. The tables beside this
 * file are made of these; the gate asks them about each request, and knows none of them by name.
 */

import type { Clock, Random } from "@evertoken/core";
import type { Answer, Delivery } from "../gate/answer.js";
import type { Asked } from "../gate/asked.js";
import type { Ledger } from "../ledger.js";
import type { Service } from "../services.js";

/** What some faults can be told. */
export interface FaultOptions {
  /** How long it takes, in real milliseconds. */
  readonly delayMs?: number | undefined;
  /** Of a delay that varies: one in a hundred takes longer than this, in real milliseconds. */
  readonly p99Ms?: number | undefined;
  /** The HTTP status. */
  readonly status?: number | undefined;
  /** A `Retry-After` header to go with the status, in seconds. */
  readonly retryAfterSeconds?: number | undefined;
  /** A length of time by the simulator's clock. */
  readonly seconds?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
  /** More requests than this in a second of real time are too many. */
  readonly perSecond?: number | undefined;
  /** What stands in the place of a `Code`. */
  readonly code?: string | undefined;
  /** It is over when it has struck so often. Default: no end, or 1 where the fault says so, or with `where.nth`. */
  readonly count?: number | undefined;
  /** Which requests it strikes. Default: all that it can. */
  readonly where?: FaultSelector | undefined;
}

/** Which requests a fault strikes: those to which all of it applies. */
export interface FaultSelector {
  /** The operation, as the journal names it: `token`, `credentials`, `PutObject`. */
  readonly operation?: string | undefined;
  /** The beginning of the path behind IMDS's version: `meta-data/placement/`. */
  readonly category?: string | undefined;
  /** The label of the client's endpoints. */
  readonly client?: string | undefined;
  /** The beginning of `bucket/key`. */
  readonly keyPrefix?: string | undefined;
  /** Of the requests it could strike only the one with this number, counted from 1. */
  readonly nth?: number | undefined;
  /** Of the requests it could strike only each one with a multiple of this number. */
  readonly every?: number | undefined;
  /** How likely each of these requests is to be struck: above 0, up to 1, drawn from the simulator's seed. */
  readonly probability?: number | undefined;
}

/** What happens instead of the service's answer. */
export type Instead =
  /** The connection is closed (`cut`), reset, or stays as it is without a word (`silence`). */
  | { readonly connection: "cut" | "reset" | "silence" }
  /** Cut when half of the request's body has come. */
  | { readonly connection: "cut-in-body" }
  | { readonly answer: Answer; readonly reason?: string; readonly beforeBody?: boolean };

/** A running fault: what it does to the requests that it strikes. */
export interface FaultAct {
  /** Whether this is a request that it could strike; asked once for each. Absent: any of its services'. */
  readonly concerns?: (asked: Asked) => boolean;
  /** Real milliseconds before the service hears of the request. */
  readonly delay?: () => number;
  readonly instead?: (asked: Asked) => Instead;
  readonly rewrite?: (answer: Answer, asked: Asked) => Answer;
  readonly delivery?: Delivery;
  /** It begins and ends at these instants, however late that is noticed. */
  readonly began?: (at: number) => void;
  readonly ended?: (at: number) => void;
}

/** What a fault can do to the simulator as a whole. */
export interface World {
  holdRotation(at: number): void;
  releaseRotation(at: number): void;
  revokeCredentials(at: number): void;
  forgetSessionTokens(): void;
  /** Moves the clock by which S3 judges. */
  shiftS3Clock(byMs: number): void;
  /** Whether the ports of a service take connections. */
  setAccepting(service: Service, accepting: boolean): void;
}

export interface FaultTools {
  readonly clock: Clock;
  readonly ledger: Ledger;
  /** Its own, from the simulator's seed. */
  readonly random: Random;
  readonly world: World;
  /** Notes in the journal that a client was handed another credential than the service's. */
  readonly handedOut: (generation: number, asked: Asked) => void;
}

export interface FaultDescription {
  /** What it does, in a sentence. */
  readonly does: string;
  /** `period`: until it is ended. `instant`: done when it begins. `count`: over when it has struck often enough, once by default. */
  readonly kind: "period" | "instant" | "count";
  /** Whose requests it strikes; absent: it changes the world, and cannot be aimed at requests. */
  readonly services?: readonly Service[];
  /** What it can be told, beside `count` and `where`. */
  readonly options?: readonly (keyof FaultOptions)[];
}

export interface Fault extends FaultDescription {
  /** Called when it begins: what it returns may remember. */
  readonly act: (options: FaultOptions, tools: FaultTools) => FaultAct;
}
