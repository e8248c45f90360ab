/**
 * What was asked, what was decided and why: one entry per request, the newest kept. No entry holds a secret: access key
 * ids are names, session tokens and secret access keys never get here.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { createEvents, type EventSource } from "@evertoken/core";
import type { JournalEvent } from "./journal/events.js";
import { Ring } from "./journal/ring.js";
import type { Service } from "./services.js";

export interface JournalEntry {
  /** Counts up from 1, over all services. */
  readonly number: number;
  /** When the request arrived, by the simulator's clock, in epoch milliseconds. */
  readonly at: number;
  readonly service: Service;
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
  /** The faults that struck the request, where any did. */
  readonly faults?: readonly string[];
}

/** What a service tells of a request. */
type Recorded = Omit<JournalEntry, "number" | "generation"> & { readonly generation?: number | undefined };

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What is known of a request before its service sees it. */
type Note = Pick<JournalEntry, "at" | "faults">;

/** Query parameters that are secrets, or signed with one. */
const SECRET_PARAMETERS = /([?&](?:X-Amz-(?:Security-Token|Signature|Credential)|WebIdentityToken)=)[^&]*/gi;

/** The path under which ECS has the credentials of a task: who knows it gets them. */
const SECRET_PATH = /^(\/v2\/credentials\/).*/;

function withoutSecrets({ service, path }: Pick<JournalEntry, "service" | "path">): string {
  const shown = path.includes("?") ? path.replace(SECRET_PARAMETERS, "$1(not shown)") : path;
  return service === "container" ? shown.replace(SECRET_PATH, "$1(not shown)") : shown;
}

export interface JournalCount {
  readonly requests: number;
  /** Of the operations that were met first; those of further ones are counted together as `other`. */
  readonly byOperation: Readonly<Record<string, number>>;
}

export type JournalEvents = {
  entry: JournalEntry;
  /** Something beside requests. */
  told: JournalEvent;
};

/** Of events there are few: credentials, faults. */
const EVENTS = { most: 10_000, mostBytes: 16 << 20, bytesOf: () => 400 };

/** What an entry takes beside its texts. */
const ENTRY_BYTES = 400;

function bytesOf({ path, operation, decision }: JournalEntry): number {
  // Two bytes for each character, at worst.
  return ENTRY_BYTES + 2 * (path.length + operation.length + decision.length);
}

/** Clients can ask for whatever they like: what exceeds this is counted together. */
const MOST_OPERATIONS = 200;
const OTHERS = "other";

export class Journal implements EventSource<JournalEvents> {
  readonly #events = createEvents<JournalEvents>();
  readonly #entries: Ring<JournalEntry>;
  readonly #told = new Ring<JournalEvent>(EVENTS);
  /** By service and client, then by operation. */
  readonly #counts = new Map<string, Map<string, number>>();
  readonly #notes = new AsyncLocalStorage<Note>();
  #number = 0;

  /** @param limits how many entries are kept, and about how much memory they may take; older ones make room. */
  constructor({ most = 100_000, mostBytes = 128 << 20 } = {}) {
    this.#entries = new Ring({ most, mostBytes, bytesOf });
  }

  /** @param at when the request arrived, if the clock of its service is wrong. */
  record(entry: Recorded, at = entry.at): void {
    this.#number += 1;
    const { service, client, operation, method, status, decision, requestId, generation, faults } = entry;
    const path = withoutSecrets(entry);
    // One by one: there are many, and what is spread takes more time and memory.
    const number = this.#number;
    const numbered: Mutable<JournalEntry> = { number, at, service, client, operation, method, path, status, decision };
    if (requestId !== undefined) numbered.requestId = requestId;
    if (generation !== undefined) numbered.generation = generation;
    if (faults !== undefined) numbered.faults = faults;
    const note = this.#notes.getStore();
    if (note !== undefined) Object.assign(numbered, note);
    Object.freeze(numbered);
    this.#entries.add(numbered);
    this.#count(entry);
    this.#events.emit("entry", numbered);
  }

  /** Runs a service: what it records meanwhile of its request has these notes. */
  noting<T>(note: Note, serve: () => T): T {
    return this.#notes.run(note, serve);
  }

  /** Notes what happened beside requests. */
  tell(event: JournalEvent): void {
    const frozen = Object.freeze(event);
    this.#told.add(frozen);
    this.#events.emit("told", frozen);
  }

  on<K extends keyof JournalEvents>(event: K, listener: (carried: JournalEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  /** The entries still kept, oldest first. */
  entries(filter: (entry: JournalEntry) => boolean = () => true): JournalEntry[] {
    return this.#entries.all().filter(filter);
  }

  /** What happened beside requests and is still kept, oldest first. */
  events(): JournalEvent[] {
    return this.#told.all();
  }

  /** How much was asked of a service through a client's endpoints since the start, kept or not. */
  count(service: JournalEntry["service"], client: string): JournalCount {
    const counts = this.#counts.get(`${service}/${client}`) ?? new Map<string, number>();
    const requests = [...counts.values()].reduce((sum, count) => sum + count, 0);
    return { requests, byOperation: Object.fromEntries(counts) };
  }

  #count({ service, client, operation }: Pick<JournalEntry, "service" | "client" | "operation">): void {
    const key = `${service}/${client}`;
    const counts = this.#counts.get(key) ?? new Map<string, number>();
    this.#counts.set(key, counts);
    const name = counts.size < MOST_OPERATIONS || counts.has(operation) ? operation : OTHERS;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
}
