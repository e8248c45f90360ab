/** One pool as a page shows it, and what there is to tell of its requests: what was sent again, what reached a caller, and how it came to it. */

import type { Clock } from "@evertoken/core";
import { historyLine } from "@evertoken/credentials";
import type { PoolEvents } from "@evertoken/pool";
import type { AnyPool } from "../observable.js";
import { Damper } from "./damper.js";
import type { News } from "./keeper-news.js";
import type { LiveMember, LivePool } from "./state.js";
import { counted, defined, harmless, reasonOf, spoken } from "./words.js";

const LONGEST_STORY = 60;

/** How long requests took and how they ended. */
export interface RequestNotes {
  noteRequest(request: { readonly durationMs?: number; readonly error?: unknown }): void;
}

interface Surfaced {
  readonly service: string;
  readonly reason: string;
  readonly accessKeyId: string;
  readonly story: readonly string[];
}

export class PoolRecord {
  readonly #pool: AnyPool;
  readonly #name: string;
  readonly #now: () => number;
  readonly #stops: (() => void)[];
  readonly #replayed = new Damper<PoolEvents["replayed"]>();
  readonly #surfaced = new Damper<Surfaced>();
  readonly #ejected = new Damper<PoolEvents["ejected"]>();
  readonly counts = { replays: 0, surfaced: 0, ejections: 0 };

  constructor(pool: AnyPool, name: string, { clock, requests }: { clock: Clock; requests: RequestNotes }) {
    this.#pool = pool;
    this.#name = name;
    this.#now = () => clock.now();
    this.#stops = [
      pool.on("request", (request) => requests.noteRequest(request)),
      pool.on("replayed", (replay) => {
        this.counts.replays += 1;
        this.#replayed.note(replay.reason, clock.now(), replay);
      }),
      pool.on("surfaced", (surfaced) => {
        this.counts.surfaced += 1;
        this.#noteSurfaced(surfaced);
      }),
      pool.on("ejected", (ejection) => {
        this.counts.ejections += 1;
        this.#ejected.note(ejection.reason, clock.now(), ejection);
      }),
    ];
  }

  /** @param most members, of those that there are. */
  get(most: number): LivePool {
    const { queued, members } = this.#pool.stats();
    return { name: this.#name, queued, members: members.slice(0, most).map((member) => this.#shown(member)) };
  }

  /**
   * What there is to tell since the last call.
   * @param isOne of several, so that a sentence has to say which.
   */
  takeNews(now: number, isOne: boolean): News[] {
    const of = isOne ? ` of ${this.#name}` : "";
    return [
      ...this.#replayed.due(now).map((due): News => {
        const { service, reason, accessKeyId } = due.detail;
        const requests = counted(due.times, due.isAgain ? "more request" : "request");
        const were = due.times === 1 ? "was" : "were";
        const text = `${service} refused ${requests}${of} (${harmless(reason)}, signed with ${accessKeyId}), which ${were} sent once more; callers see nothing of it.`;
        return { at: due.since, kind: "replayed", severity: "note", text };
      }),
      ...this.#surfaced.due(now).map((due): News => {
        const { service, reason, accessKeyId, story } = due.detail;
        const requests = counted(due.times, due.isAgain ? "more request" : "request");
        const text = `${requests}${of} failed for the caller: ${service} said ${harmless(reason)} to ${accessKeyId}, and there were no others in time.`;
        return { at: due.since, kind: "surfaced", severity: "error", text, story };
      }),
      ...this.#ejected.due(now).map((due): News => {
        const { member, reason, forMs } = due.detail;
        const why =
          reason === "consecutive-failures"
            ? "it failed several times in a row"
            : "it failed more often than the others do";
        const others = due.times === 1 ? "" : ` So did ${counted(due.times - 1, "other")}.`;
        const text = `Client ${member} of ${this.#name} gets no requests for ${spoken(forMs)}: ${why}.${others}`;
        return { at: due.since, kind: "ejected", severity: "warning", text };
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #noteSurfaced({ service, reason, accessKeyId, error, command }: PoolEvents["surfaced"]): void {
    const at = this.#now();
    const operation = command.replace(/Command$/, "");
    const end = `${new Date(at).toISOString().replace(/\.\d+Z$/, "Z")} ${operation}: ${reasonOf(error)}`;
    const before = this.#pool.keeper.history().map((entry) => harmless(historyLine(entry)));
    const story = [...before.slice(1 - LONGEST_STORY), end];
    this.#surfaced.note(`${service} ${reason} ${accessKeyId}`, at, { service, reason, accessKeyId, story });
  }

  #shown({
    id,
    isEjected,
    ejectedForMs,
    createdAt,
    inFlight,
  }: ReturnType<AnyPool["stats"]>["members"][number]): LiveMember {
    return defined({
      id,
      state: isEjected ? ("ejected" as const) : ("serving" as const),
      createdAt,
      inFlight,
      ejectedUntil: isEjected ? Math.round(this.#now() + ejectedForMs) : undefined,
    });
  }
}
