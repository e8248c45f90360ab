/**
 * What was asked, what was decided and why: one entry per request, the newest kept. No entry holds a secret: access key
 * ids are names, session tokens and secret access keys never get here.
 */

import { createEvents, type EventSource } from "@evertoken/core";

export interface JournalEntry {
  /** Counts up from 1, over all services. */
  readonly number: number;
  /** When the request arrived, by the simulator's clock, in epoch milliseconds. */
  readonly at: number;
  readonly service: "imds" | "s3" | "container" | "sts";
  /** Who asked: the label of the endpoint that was used. */
  readonly client: string;
  /** What was asked, in the service's words: `token`, `role-list`, `credentials`, `PutObject`, … */
  readonly operation: string;
  readonly method: string;
  readonly path: string;
  /** The HTTP status; 0 when the connection was cut without an answer. */
  readonly status: number;
  /** Why it was answered so: `ok`, `ExpiredToken: revoked`, `fault imds-down`, `session token missing`, … */
  readonly decision: string;
  /** The generation of the credential that was issued or used, where there is one. */
  readonly generation?: number;
  readonly requestId?: string;
}

export interface JournalCount {
  requests: number;
  byOperation: Record<string, number>;
}

export type JournalEvents = { entry: JournalEntry };

export class Journal implements EventSource<JournalEvents> {
  readonly #events = createEvents<JournalEvents>();
  readonly #capacity: number;
  readonly #entries: JournalEntry[] = [];
  readonly #counts = new Map<string, JournalCount>();
  #next = 0;
  #number = 0;

  /** @param capacity how many entries are kept; older ones make room. */
  constructor(capacity = 100_000) {
    this.#capacity = capacity;
  }

  record(entry: Omit<JournalEntry, "number">): void {
    this.#number += 1;
    const numbered = Object.freeze({ number: this.#number, ...entry });
    this.#entries[this.#next] = numbered;
    this.#next = (this.#next + 1) % this.#capacity;
    const key = `${entry.service}/${entry.client}`;
    const count = this.#counts.get(key) ?? { requests: 0, byOperation: {} };
    this.#counts.set(key, count);
    count.requests += 1;
    count.byOperation[entry.operation] = (count.byOperation[entry.operation] ?? 0) + 1;
    this.#events.emit("entry", numbered);
  }

  on<K extends keyof JournalEvents>(event: K, listener: (entry: JournalEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** The entries still kept, oldest first. */
  entries(filter: (entry: JournalEntry) => boolean = () => true): JournalEntry[] {
    return [...this.#entries.slice(this.#next), ...this.#entries.slice(0, this.#next)].filter(filter);
  }

  /** How much was asked of a service through a client's endpoints since the start, kept or not. */
  count(service: JournalEntry["service"], client: string): Readonly<JournalCount> {
    return this.#counts.get(`${service}/${client}`) ?? { requests: 0, byOperation: {} };
  }
}
