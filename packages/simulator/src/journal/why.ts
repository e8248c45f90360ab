/**
 * The story of one request: the credential that it was signed with, from its issue on, and everything that explains why
 * it was answered as it was. Told from the journal alone.
 */

import type { JournalEntry } from "../journal.js";
import type { JournalEvent } from "./events.js";
import type { Past } from "./file.js";

export interface StoryLine {
  /** By the simulator's clock, in epoch milliseconds. */
  readonly at: number;
  readonly text: string;
}

export interface Story {
  readonly requestId: string;
  /** In the order of time. */
  readonly lines: readonly StoryLine[];
  /** Why it was answered so, in a sentence or two. */
  readonly conclusion: string;
}

/** Requests of one client that came to nothing, beyond which they are counted instead of told one by one. */
const MOST_FAILURES = 5;

/** Undefined when no such request is in the journal (any more). */
export function why(requestId: string, past: Past): Story | undefined {
  const request = past.entries.find((entry) => entry.requestId === requestId);
  if (request === undefined) return undefined;
  const { generation } = request;
  const story = new StoryTeller(request, past);
  const lines = generation === undefined ? [] : story.ofCredential(generation);
  const all = [...lines, { at: request.at, text: told(request) }].sort((a, b) => a.at - b.at);
  return { requestId, lines: all, conclusion: story.conclusion() };
}

class StoryTeller {
  readonly #request: JournalEntry;
  readonly #events: readonly JournalEvent[];
  readonly #before: readonly JournalEntry[];

  constructor(request: JournalEntry, { entries, events }: Past) {
    this.#request = request;
    this.#events = events.filter(({ at }) => at <= request.at);
    this.#before = entries.filter(({ number }) => number < request.number);
  }

  ofCredential(generation: number): StoryLine[] {
    const { client } = this.#request;
    const issued = this.#issued(generation);
    const since = issued?.at ?? 0;
    const handed = this.#before.filter((entry) => entry.client === client && isHandingOut(entry));
    const mine = handed.find((entry) => entry.generation === generation);
    const later = handed.filter((entry) => (entry.generation ?? 0) > generation);
    const used = this.#before.filter((entry) => entry.client === client && isUse(entry, generation));
    const good = used.filter(({ status }) => status < 400);
    const refused = used.filter(({ status }) => status >= 400);
    return [
      ...(issued === undefined ? [] : [{ at: issued.at, text: issuedText(issued) }]),
      ...(mine === undefined ? [] : [{ at: mine.at, text: `${client} was handed generation ${generation}` }]),
      ...this.#swaps(generation),
      ...firstAndLast(good, `${client} used it with success`),
      ...this.#failures(since),
      ...this.#faults(since),
      ...this.#revocations(generation),
      ...this.#successors(generation),
      ...firstOf(later, (entry) => `${client} was handed generation ${entry.generation}`),
      ...(issued !== undefined && issued.expiresAt <= this.#request.at
        ? [{ at: issued.expiresAt, text: `generation ${generation} ended` }]
        : []),
      ...firstOf(refused, ({ decision }) => `the first of ${refused.length + 1} refusals: ${decision}`),
    ];
  }

  conclusion(): string {
    const { decision, generation, client, at, faults = [] } = this.#request;
    if (/: fault |^fault /.test(decision))
      return `The answer is that of a fault, not of the service: ${faults.join(", ")}.`;
    if (generation === undefined) return `It carried no credentials that this simulator knows: ${decision}.`;
    if (!decision.startsWith("ExpiredToken")) return `It was decided by the request itself: ${decision}.`;
    const issued = this.#issued(generation);
    const cause = decision.endsWith("revoked")
      ? "Its credentials were revoked before their end."
      : `Its credentials had ended ${length(at - (issued?.expiresAt ?? at))} before.`;
    return `${cause} ${this.#whatTheClientMissed(generation, client)}`;
  }

  #whatTheClientMissed(generation: number, client: string): string {
    const newest = this.#newerThan(generation).at(-1);
    const asked = this.#before.filter((entry) => entry.client === client && isAskingForCredentials(entry));
    const last = asked.at(-1);
    const lastAsked =
      last === undefined
        ? `${client} never asked for credentials through its endpoints`
        : `${client} last asked for credentials ${length(this.#request.at - last.at)} before and got ${outcome(last)}`;
    if (newest === undefined) return `No newer ones had been issued; ${lastAsked}.`;
    return `Generation ${newest.generation} had been issued ${length(this.#request.at - newest.at)} before; ${lastAsked}.`;
  }

  #issued(generation: number) {
    return this.#issues().find((event) => event.generation === generation);
  }

  #issues() {
    return this.#events.filter((event) => event.event === "credential-issued");
  }

  /** Of the same role. */
  #newerThan(generation: number) {
    const roleName = this.#issued(generation)?.roleName;
    return this.#issues().filter((event) => event.generation > generation && event.roleName === roleName);
  }

  #successors(generation: number): StoryLine[] {
    return firstOf(this.#newerThan(generation), issuedText);
  }

  #swaps(generation: number): StoryLine[] {
    const { client } = this.#request;
    const swaps = this.#events.filter((event) => event.event === "credential-swapped");
    const mine = swaps.filter((event) => event.client === client && event.generation === generation);
    return firstOf(mine, () => `a fault handed generation ${generation} to ${client} in place of the current one`);
  }

  #revocations(generation: number): StoryLine[] {
    return this.#events
      .filter((event) => event.event === "credentials-revoked" && event.generation >= generation)
      .map(({ at }) => ({ at, text: `generation ${generation} was revoked` }));
  }

  /** What went wrong for this client where credentials come from. */
  #failures(since: number): StoryLine[] {
    const failed = this.#before.filter(
      ({ client, service, status, at }) =>
        client === this.#request.client && service !== "s3" && at >= since && (status === 0 || status >= 400),
    );
    const lines = failed.slice(0, MOST_FAILURES).map((entry) => ({ at: entry.at, text: told(entry) }));
    const last = failed.at(-1);
    if (last === undefined || failed.length <= MOST_FAILURES) return lines;
    const more = `${failed.length - MOST_FAILURES} more such requests failed until then: ${last.decision}`;
    return [...lines, { at: last.at, text: more }];
  }

  #faults(since: number): StoryLine[] {
    return this.#events.flatMap((event) => {
      if (event.event !== "fault-started" && event.event !== "fault-ended") return [];
      const text = `the fault ${event.fault} ${event.event === "fault-started" ? "began" : "ended"}`;
      return event.at >= since ? [{ at: event.at, text }] : [];
    });
  }
}

const isAskingForCredentials = ({ service, operation }: JournalEntry) =>
  service !== "s3" && (service !== "imds" || /(?:^token|credentials|role-list)$/.test(operation));
const isHandingOut = ({ service, generation, status }: JournalEntry) =>
  service !== "s3" && generation !== undefined && status === 200;
const isUse = ({ service, generation }: JournalEntry, used: number) => service === "s3" && generation === used;

function told({ client, service, method, path, status, decision }: JournalEntry): string {
  const answered = status === 0 ? "got no answer" : `was answered ${status}`;
  return `${client} asked ${service}: ${method} ${path} ${answered} (${decision})`;
}

function outcome({ status, decision, operation }: JournalEntry): string {
  return `${status === 0 ? "no answer" : status} to its ${operation} (${decision})`;
}

function issuedText(event: JournalEvent & { readonly event: "credential-issued" }): string {
  const { generation, accessKeyId, roleName, expiresAt, at } = event;
  return `generation ${generation} was issued for ${roleName}: ${accessKeyId}, good for ${length(expiresAt - at)}`;
}

function firstOf<T extends { readonly at: number }>([first]: readonly T[], text: (one: T) => string): StoryLine[] {
  return first === undefined ? [] : [{ at: first.at, text: text(first) }];
}

function firstAndLast(entries: readonly JournalEntry[], text: string): StoryLine[] {
  const [first, last] = [entries[0], entries.at(-1)];
  if (first === undefined || last === undefined) return [];
  if (first === last) return [{ at: first.at, text: `${text}, once` }];
  return [
    { at: first.at, text: `${text} for the first of ${entries.length} times` },
    { at: last.at, text: `${text} for the last time` },
  ];
}

/** A length of time in words, as exact as matters. */
function length(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  return `${Math.round(minutes / 6) / 10} h`;
}
