/**
 * A lane as a simulator sees its clients: the credentials that they were handed, what IMDS answered them, what S3 refused them. For
 * clients that tell nothing themselves, of whatever language or SDK.
 *
 * It knows a simulator by what it tells, not by its package.
 */

import type { Clock, EventSource } from "@evertoken/core";
import { Damper } from "./damper.js";
import { ImdsAnswers } from "./imds-answers.js";
import type { News } from "./keeper-news.js";
import type { LaneReport } from "./lane-recorder.js";
import type { LiveGeneration, LiveKeeper, Sample, Totals } from "./state.js";
import { counted, defined, spoken } from "./words.js";

/** A request, as a simulator's journal has it. */
interface Entry {
  readonly at: number;
  readonly service: string;
  readonly client: string;
  readonly operation: string;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly decision: string;
  readonly generation?: number;
  readonly requestId?: string;
}

type Issue = {
  readonly event: "credential-issued";
  readonly at: number;
  readonly generation: number;
  readonly accessKeyId: string;
  readonly roleName: string;
  readonly expiresAt: number;
};

type Event =
  | Issue
  | { readonly event: "credentials-revoked"; readonly at: number; readonly generation: number }
  | { readonly event: "credential-swapped" | "fault-started" | "fault-ended"; readonly at: number };

/** What is needed of a simulator. */
export interface SimulatedWorld {
  readonly clock: Clock;
  readonly journal: EventSource<{ entry: Entry; told: Event }> & { events(): readonly Event[] };
  /** The story of a request that S3 refused. */
  why(
    requestId: string,
  ):
    | { readonly lines: readonly { readonly at: number; readonly text: string }[]; readonly conclusion: string }
    | undefined;
}

export interface SimulatedLaneOptions {
  /** What the lane is called. */
  readonly name: string;
  /** The label of the clients' endpoints. Default: all clients. */
  readonly client?: string;
  /** Whether nobody stands between S3 and the callers: then what S3 refuses has surfaced. Default false. */
  readonly surfaces?: boolean;
}

interface Issued {
  readonly issue: Issue;
  takenAt?: number;
  usedAt?: number;
  rejectedAt?: number;
}

const MOST_ISSUED = 500;
const MOST_SHOWN = 48;

/** What was used for a request this long ago is still in use. */
const IN_USE_MS = 10 * 60_000;

/** What S3 says of stale credentials, at the beginning of a journal's decision. */
const STALE = /^(?:ExpiredToken|TokenRefreshRequired|InvalidToken|InvalidAccessKeyId)\b/;

const LONGEST_STORY = 60;

const nothing = { requests: 0, failures: 0, refreshes: 0, refreshFailures: 0, rotations: 0, rejections: 0 };

export class SimulatedLane {
  readonly #options: SimulatedLaneOptions;
  readonly #world: SimulatedWorld;
  readonly #stops: (() => void)[];
  readonly #issued = new Map<number, Issued>();
  readonly #answers = new ImdsAnswers();
  readonly #refusals = new Damper<{ readonly entry: Entry; readonly issued: Issued | undefined }>();
  readonly #denials = new Damper<Entry>();
  #news: News[] = [];
  #lastRefresh: LiveKeeper["lastRefresh"];
  readonly #totals = { ...nothing };
  #before = { ...nothing };

  constructor(world: SimulatedWorld, options: SimulatedLaneOptions) {
    this.#world = world;
    this.#options = options;
    const { journal } = world;
    for (const event of journal.events()) this.#noteEvent(event);
    this.#stops = [
      journal.on("told", (event) => this.#noteEvent(event)),
      journal.on("entry", (entry) => {
        if (options.client === undefined || entry.client === options.client) this.#noteEntry(entry);
      }),
    ];
  }

  /** The lane of now, and what happened since the last call. */
  take(): LaneReport {
    const now = this.#world.clock.now();
    const survivalMs = this.#survivalMs(now);
    const [totals, before] = [{ ...this.#totals }, this.#before];
    this.#before = totals;
    const refused = this.#options.surfaces === true ? totals.rejections : 0;
    const sample: Sample = defined({
      at: now,
      survivalMs,
      requests: totals.requests - before.requests,
      failures: totals.failures - before.failures,
      replays: 0,
      surfaced: this.#options.surfaces === true ? totals.rejections - before.rejections : 0,
      refreshes: totals.refreshes - before.refreshes,
      refreshFailures: totals.refreshFailures - before.refreshFailures,
      imdsAnswers: this.#answers.take(),
    });
    const lane = defined({
      name: this.#options.name,
      survivalMs,
      keepers: [this.#keeper(survivalMs)],
      pools: [],
      imds: {},
      totals: { ...totals, replays: 0, surfaced: refused, ejections: 0, imdsAnswers: this.#answers.total },
    });
    return { lane, sample, news: this.#takeNews(now) };
  }

  /** When a credential was issued, by its access key id: a Keeper does not know. */
  issuedAt(accessKeyId: string): number | undefined {
    return [...this.#issued.values()].find(({ issue }) => issue.accessKeyId === accessKeyId)?.issue.at;
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #noteEvent(event: Event): void {
    if (event.event === "credential-issued") {
      this.#issued.set(event.generation, { issue: event });
      const [oldest] = this.#issued.keys();
      if (this.#issued.size > MOST_ISSUED && oldest !== undefined) this.#issued.delete(oldest);
    } else if (event.event === "credentials-revoked") {
      for (const [generation, one] of this.#issued) {
        if (generation <= event.generation && one.issue.expiresAt > event.at) one.rejectedAt ??= event.at;
      }
    }
  }

  #noteEntry(entry: Entry): void {
    if (entry.service === "s3") this.#noteUse(entry);
    else this.#noteAnswer(entry);
  }

  #noteAnswer(entry: Entry): void {
    const { at, service, operation, status, decision, generation } = entry;
    if (service === "imds") this.#answers.note(status === 0 ? undefined : status);
    if (generation !== undefined && status === 200) {
      const one = this.#issued.get(generation);
      const isNew = one !== undefined && one.takenAt === undefined;
      if (isNew) this.#taken(one, at);
      this.#totals.refreshes += 1;
      this.#lastRefresh = { at, outcome: isNew ? "rotated" : "unchanged" };
    } else if (status === 0 || status >= 400) {
      if (!/token|credentials|role-list|AssumeRole/i.test(operation)) return;
      this.#totals.refreshes += 1;
      this.#totals.refreshFailures += 1;
      this.#lastRefresh = { at, outcome: "failed", error: decision };
      this.#denials.note(`${service} ${decision}`, at, entry);
    }
  }

  #taken(one: Issued, at: number): void {
    one.takenAt = at;
    const { generation, accessKeyId, roleName, expiresAt } = one.issue;
    if (generation > 1) this.#totals.rotations += 1;
    const text = `Generation ${generation} for ${roleName} was handed out: ${accessKeyId}, good for ${spoken(expiresAt - at)}.`;
    this.#news.push({ at, kind: "rotated", severity: "good", text });
    // Between two looks there is time for many; the ribbon has them all.
    this.#news = this.#news.slice(-MOST_SHOWN);
  }

  #noteUse(entry: Entry): void {
    const { at, status, decision, generation } = entry;
    this.#totals.requests += 1;
    if (status === 0 || status >= 400) this.#totals.failures += 1;
    const issued = generation === undefined ? undefined : this.#issued.get(generation);
    if (issued !== undefined) issued.usedAt = at;
    if (!STALE.test(decision) || status < 400) return;
    this.#totals.rejections += 1;
    if (issued !== undefined) issued.rejectedAt ??= at;
    this.#refusals.note(`${generation} ${decision}`, at, { entry, issued });
  }

  /** What is in use, or was handed out last, ends first. */
  #survivalMs(now: number): number | undefined {
    const taken = this.#handedOut().map(({ generation }) => this.#issued.get(generation) as Issued);
    const used = taken.filter(({ usedAt }) => usedAt !== undefined && now - usedAt <= IN_USE_MS);
    const inUse = used.length > 0 ? used : taken.slice(-1);
    if (inUse.length === 0) return undefined;
    const left = inUse.map(({ issue, rejectedAt }) => (rejectedAt === undefined ? issue.expiresAt - now : 0));
    return Math.round(Math.max(0, Math.min(...left)));
  }

  #handedOut(): LiveGeneration[] {
    return [...this.#issued.values()]
      .flatMap(({ issue, takenAt, rejectedAt }) => {
        const { generation, accessKeyId, at: issuedAt, expiresAt } = issue;
        return takenAt === undefined
          ? []
          : defined({ generation, accessKeyId, issuedAt, takenAt, expiresAt, rejectedAt });
      })
      .slice(-MOST_SHOWN);
  }

  #keeper(survivalMs: number | undefined): LiveKeeper {
    const generations = this.#handedOut();
    const newest = generations.at(-1);
    const { client = "all clients" } = this.#options;
    const role = newest && this.#issued.get(newest.generation)?.issue.roleName;
    const isRejected = newest?.rejectedAt !== undefined;
    const state = newest === undefined ? "empty" : survivalMs !== 0 ? "fresh" : isRejected ? "rejected" : "expired";
    const source = "what the simulator handed out and S3 was asked with";
    return defined({ name: client, state, source, role, skewMs: 0, lastRefresh: this.#lastRefresh, generations });
  }

  #takeNews(now: number): News[] {
    const [news, { surfaces = false }] = [this.#news, this.#options];
    this.#news = [];
    const refusals = this.#refusals.due(now).map(({ times, since, isAgain, detail }): News => {
      const { entry, issued } = detail;
      const requests = counted(times, isAgain ? "more request" : "request");
      const by =
        issued === undefined ? "" : `, signed with generation ${issued.issue.generation} (${issued.issue.accessKeyId})`;
      const text = `S3 refused ${requests} of ${entry.client}${by}: ${entry.decision}.`;
      const story = this.#story(entry);
      const [kind, severity] = surfaces ? (["surfaced", "error"] as const) : (["rejected", "warning"] as const);
      return { at: since, kind, severity, text, ...(story === undefined ? {} : { story }) };
    });
    const denials = this.#denials.due(now).map(({ times, since, detail }): News => {
      const { service, client, status, decision } = detail;
      const answered = status === 0 ? "did not answer" : `answered ${status} to`;
      const text = `${service.toUpperCase()} ${answered} ${counted(times, "request")} of ${client} for credentials: ${decision}.`;
      return { at: since, kind: "refresh-failed", severity: "warning", text };
    });
    return [...news, ...denials, ...refusals].sort((a, b) => a.at - b.at);
  }

  #story({ requestId }: Entry): readonly string[] | undefined {
    const story = requestId === undefined ? undefined : this.#world.why(requestId);
    if (story === undefined) return undefined;
    const lines = story.lines.map(({ at, text }) => `${new Date(at).toISOString().replace(/\.\d+Z$/, "Z")} ${text}`);
    return [...lines.slice(1 - LONGEST_STORY), story.conclusion];
  }
}

/**
 * A lane of clients that tell only of their requests, with what a simulator knows of their credentials. Requests that fail leave
 * no time at all.
 */
export function joinedLane(own: LaneReport, seen: LaneReport): LaneReport {
  const survivalMs = own.sample.failures > 0 ? 0 : seen.lane.survivalMs;
  const { refreshes, refreshFailures, imdsAnswers } = seen.sample;
  const { rotations, rejections } = seen.lane.totals;
  const totals: Totals = {
    ...own.lane.totals,
    refreshes: seen.lane.totals.refreshes,
    refreshFailures: seen.lane.totals.refreshFailures,
    imdsAnswers: seen.lane.totals.imdsAnswers,
    rotations,
    rejections,
  };
  return {
    lane: defined({ ...own.lane, survivalMs, keepers: seen.lane.keepers, imds: seen.lane.imds, totals }),
    sample: defined({ ...own.sample, survivalMs, refreshes, refreshFailures, imdsAnswers }),
    news: [...own.news, ...seen.news],
  };
}
