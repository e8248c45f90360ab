/** One Keeper as a page shows it: its state, its last refreshes, the ribbon of its generations; and what there is to tell of it. */

import type { Keeper } from "@evertoken/credentials";
import { survivalMs } from "../survival.js";
import { Damper } from "./damper.js";
import { KeeperNews, type News } from "./keeper-news.js";
import type { LiveGeneration, LiveKeeper } from "./state.js";
import { counted, defined, harmless, reasonOf, spoken } from "./words.js";

/** Two days of hourly rotations. */
const MOST_GENERATIONS = 48;

/** Between two looks; more than that is the same over and over. */
const MOST_NEWS = 50;

export interface KeeperCounts {
  refreshes: number;
  refreshFailures: number;
  rotations: number;
  rejections: number;
}

export class KeeperRecord {
  readonly #keeper: Keeper;
  readonly #name: string;
  readonly #news = new KeeperNews();
  readonly #useless = new Damper<string>();
  readonly #told: News[] = [];
  readonly #stops: (() => void)[];
  #generations: readonly LiveGeneration[] = [];
  readonly counts: KeeperCounts = { refreshes: 0, refreshFailures: 0, rotations: 0, rejections: 0 };
  /** The longest since the last look; undefined without any. */
  #refreshMs: number | undefined;

  /** @param now gives the epoch milliseconds of the observed process. */
  constructor(keeper: Keeper, name: string, now: () => number) {
    this.#keeper = keeper;
    this.#name = name;
    this.#take();
    this.#stops = [
      keeper.on("refresh", (refresh) => {
        const { at, outcome, durationMs } = refresh;
        this.counts.refreshes += 1;
        if (outcome === "failed") this.counts.refreshFailures += 1;
        this.#refreshMs = Math.max(this.#refreshMs ?? 0, durationMs);
        const status = keeper.status();
        this.#tell(this.#news.refreshed(refresh, status));
        if (outcome === "refused") this.#useless.note("refused", at, status.source);
      }),
      keeper.on("rotated", ({ generation }) => {
        if (generation > 1) this.counts.rotations += 1;
        this.#rotated(now());
      }),
      keeper.on("rejected", ({ accessKeyId, reason }) => {
        this.counts.rejections += 1;
        this.#rejected(accessKeyId, reason, now());
      }),
    ];
  }

  get survivalMs(): number | undefined {
    return survivalMs(this.#keeper.status());
  }

  /** The longest refresh since the last call, in milliseconds. */
  takeRefreshMs(): number | undefined {
    const longest = this.#refreshMs;
    this.#refreshMs = undefined;
    return longest;
  }

  /** What there is to tell since the last call. */
  takeNews(now: number): News[] {
    this.#tell(this.#news.look(now, this.#keeper.status()));
    for (const { times, since, detail: source } of this.#useless.due(now)) {
      const text = `${source} still offers credentials that a service has refused: ${counted(times, "answer")}, none taken.`;
      this.#tell({ at: since, kind: "state", severity: "warning", text });
    }
    return this.#told.splice(0);
  }

  get(): LiveKeeper {
    const { state, source, roleName, skewMs, lastRefresh } = this.#keeper.status();
    return defined({
      name: this.#name,
      state,
      source,
      role: roleName,
      skewMs: Math.round(skewMs),
      lastRefresh: lastRefresh && {
        at: lastRefresh.at,
        outcome: lastRefresh.outcome,
        ...(lastRefresh.error === undefined ? {} : { error: reasonOf(lastRefresh.error) }),
      },
      generations: this.#generations,
    });
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  /** What is held becomes the newest of the ribbon. */
  #take(): void {
    const { accessKeyId, generation, receivedAt, advisoryAt, expiresAt } = this.#keeper.status();
    if (accessKeyId === undefined || receivedAt === undefined) return;
    const taken = defined({ generation, accessKeyId, takenAt: receivedAt, advisoryAt, expiresAt });
    this.#generations = [...this.#generations.slice(1 - MOST_GENERATIONS), taken];
  }

  #rotated(at: number): void {
    this.#take();
    const { accessKeyId, source, remainingMs } = this.#keeper.status();
    const good = remainingMs === undefined ? "without an end" : `good for ${spoken(Math.max(0, remainingMs))}`;
    this.#tell({ at, kind: "rotated", severity: "good", text: `Took ${accessKeyId} from ${source}, ${good}.` });
  }

  #rejected(accessKeyId: string, reason: string, at: number): void {
    this.#generations = this.#generations.map((one) =>
      one.accessKeyId === accessKeyId ? { ...one, rejectedAt: at } : one,
    );
    const { source, remainingMs = 0 } = this.#keeper.status();
    const early = remainingMs > 0 ? `, ${spoken(remainingMs)} before their end` : "";
    const text = `A service refused ${accessKeyId} (${harmless(reason)})${early}: ${source} is asked for others at once.`;
    this.#tell({ at, kind: "rejected", severity: "warning", text });
  }

  #tell(news: News | undefined): void {
    if (news !== undefined && this.#told.length < MOST_NEWS) this.#told.push(news);
  }
}
