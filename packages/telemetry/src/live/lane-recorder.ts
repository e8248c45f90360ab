/**
 * Records one lane of a page: Keepers, a pool, IMDS clients, and requests of whoever has no events. What it has found since the last
 * look is plain JSON, so it may be in another process than the page.
 */

import { type Clock, systemClock } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import type { ImdsEvents } from "@evertoken/imds";
import { Names } from "../names.js";
import { isImdsClient, isKeeper, type Observable } from "../observable.js";
import { ImdsAnswers } from "./imds-answers.js";
import type { News } from "./keeper-news.js";
import { type KeeperCounts, KeeperRecord } from "./keeper-record.js";
import { Latencies } from "./latencies.js";
import { PoolRecord, type RequestNotes } from "./pool-record.js";
import type { LiveLane, Sample, Totals } from "./state.js";
import { defined } from "./words.js";

/** A lane since it was last looked at. */
export interface LaneReport {
  readonly lane: LiveLane;
  readonly sample: Sample;
  readonly news: readonly News[];
}

export interface LaneRecorderOptions {
  /** What the lane is called. Default: the name of the first thing observed would say no more, so `evertoken`. */
  readonly name?: string;
  readonly clock?: Clock;
}

type Counts = Omit<Totals, "imdsAnswers">;

const COUNTED = ["requests", "failures", "replays", "surfaced", "refreshes", "refreshFailures"] as const;

/** Pools may have thousands of members; nobody sees more in grids. They share them evenly. */
const MOST_MEMBERS = 2000;

/** A process has one or two; a leak of Keepers or pools must not become one of memory here. */
const MOST_OBSERVED = 20;

export class LaneRecorder implements RequestNotes {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #names = new Names();
  readonly #poolNames = new Names();
  readonly #keepers = new Map<Keeper, KeeperRecord>();
  readonly #pools: PoolRecord[] = [];
  readonly #answers = new ImdsAnswers();
  readonly #latencies = new Latencies();
  readonly #stops: (() => void)[] = [];
  readonly #requests = { requests: 0, failures: 0, surfaced: 0 };
  #before: Counts;
  #sessionTokenExpiresAt: number | undefined;
  #hasImds = false;

  constructor({ name = "evertoken", clock = systemClock }: LaneRecorderOptions = {}) {
    this.#name = name;
    this.#clock = clock;
    this.#before = this.#counts();
  }

  /**
   * Records a Keeper, a pool with its Keeper, or an IMDS client from now on. Several pools are counted together and shown one by
   * one. What comes after twenty Keepers or pools is not recorded.
   *
   * @param name tells several apart. Default: `pool`, `pool-2`, … and `default`, `default-2`, … for Keepers.
   */
  observe(target: Observable, name?: string): void {
    if (isKeeper(target)) this.#observeKeeper(target, name);
    else if (isImdsClient(target)) this.#stops.push(target.on("request", (request) => this.#noteImds(request)));
    else {
      if (this.#pools.length >= MOST_OBSERVED) return;
      const own = this.#poolNames.claim(name ?? "pool");
      this.#pools.push(new PoolRecord(target, own, { clock: this.#clock, requests: this }));
      this.#observeKeeper(target.keeper, name);
    }
  }

  /** A request that has ended, of a client that does not tell of them; in real milliseconds. */
  noteRequest({ durationMs, error }: { readonly durationMs?: number; readonly error?: unknown }): void {
    this.#requests.requests += 1;
    if (error !== undefined) this.#requests.failures += 1;
    if (durationMs !== undefined) this.#latencies.add(durationMs);
  }

  /** One of the requests that failed did so for stale credentials, and its caller knows. */
  noteSurfaced(): void {
    this.#requests.surfaced += 1;
  }

  /** The lane of now, and what happened since the last call. */
  take(): LaneReport {
    const now = this.#clock.now();
    const counts = this.#counts();
    const survivalMs = this.#survivalMs();
    const before = this.#before;
    this.#before = counts;
    const since = Object.fromEntries(COUNTED.map((count) => [count, counts[count] - before[count]]));
    const refreshes = [...this.#keepers.values()].flatMap((keeper) => keeper.takeRefreshMs() ?? []);
    const sample = defined({
      at: now,
      survivalMs,
      ...(since as Pick<Counts, (typeof COUNTED)[number]>),
      imdsAnswers: this.#answers.take(),
      requestP50Ms: this.#latencies.quantile(0.5),
      requestP99Ms: this.#latencies.quantile(0.99),
      refreshMs: refreshes.length === 0 ? undefined : Math.round(Math.max(...refreshes)),
    });
    this.#latencies.clear();
    const lane = defined({
      name: this.#name,
      survivalMs,
      keepers: [...this.#keepers.values()].map((keeper) => keeper.get()),
      pools: this.#pools.map((pool) => pool.get(Math.floor(MOST_MEMBERS / this.#pools.length))),
      imds: this.#hasImds ? defined({ sessionTokenExpiresAt: this.#sessionTokenExpiresAt }) : undefined,
      totals: { ...counts, imdsAnswers: this.#answers.total },
    });
    const keeperNews = [...this.#keepers.values()].flatMap((keeper) => keeper.takeNews(now));
    const isOne = this.#pools.length > 1;
    const poolNews = this.#pools.flatMap((pool) => pool.takeNews(now, isOne));
    const news = [...keeperNews, ...poolNews].sort((a, b) => a.at - b.at);
    return { lane, sample, news };
  }

  /** Stops listening. */
  close(): void {
    for (const stop of this.#stops) stop();
    for (const keeper of this.#keepers.values()) keeper.stop();
    for (const pool of this.#pools) pool.stop();
  }

  #observeKeeper(keeper: Keeper, name: string | undefined): void {
    if (this.#keepers.has(keeper) || this.#keepers.size >= MOST_OBSERVED) return;
    this.#keepers.set(keeper, new KeeperRecord(keeper, this.#names.claim(name), () => this.#clock.now()));
    this.#stops.push(keeper.on("imdsRequest", (request) => this.#noteImds(request)));
  }

  #noteImds({ status, failure, sessionTokenExpiresAt }: ImdsEvents["request"]): void {
    this.#hasImds = true;
    this.#sessionTokenExpiresAt = sessionTokenExpiresAt;
    // Whoever gave up before there could be an answer says nothing of IMDS.
    if (failure !== "aborted") this.#answers.note(status);
  }

  #counts(): Counts {
    const sum = (count: keyof KeeperCounts) =>
      [...this.#keepers.values()].reduce((total, { counts }) => total + counts[count], 0);
    const ofPools = (count: keyof PoolRecord["counts"]) =>
      this.#pools.reduce((total, { counts }) => total + counts[count], 0);
    return {
      ...this.#requests,
      replays: ofPools("replays"),
      surfaced: this.#requests.surfaced + ofPools("surfaced"),
      ejections: ofPools("ejections"),
      refreshes: sum("refreshes"),
      refreshFailures: sum("refreshFailures"),
      rotations: sum("rotations"),
      rejections: sum("rejections"),
    };
  }

  /** Of the Keeper that would be the first to run dry. */
  #survivalMs(): number | undefined {
    const all = [...this.#keepers.values()].flatMap((keeper) => keeper.survivalMs ?? []);
    const least = Math.min(...all);
    return Number.isFinite(least) ? Math.round(least) : undefined;
  }
}
