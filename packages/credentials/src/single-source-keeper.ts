/**
 * Keeps the credentials of one source as fresh as the source can give them, for any number of callers.
 *
 * `policy.ts` says when credentials count as fresh, advisory, mandatory, expired or rejected, and how soon the source is
 * asked again; this class acts on its answers. What it holds is one frozen value, its requests to the source are one at
 * a time, and freshness is judged by wall-clock instants at each use, so that a suspended machine or a stepped clock is
 * right on the next call. Timers only make things happen earlier; they never keep a process alive.
 */

import { type Clock, ClosedError, createEvents, type Random, settlesWithin, type Timer } from "@evertoken/core";
import type { CredentialsRejectedError, CredentialsUnavailableError } from "./errors.js";
import { expiryOf, type Held, hold, type Identity, isSame } from "./held.js";
import type { HistoryEntry } from "./history.js";
import type {
  Keeper,
  KeeperEvents,
  KeeperStatus,
  Provider,
  ProviderOptions,
  Refresh,
  RefreshOutcome,
  RefreshTrigger,
  RejectOptions,
  Snapshot,
} from "./keeper.js";
import type { KeeperSettings } from "./options.js";
import { askAgainIn, judge, type KeeperState, untilNextFreshness } from "./policy.js";
import { Refusals } from "./refusals.js";
import type { CredentialSource, Loaded } from "./source.js";
import { Story } from "./story.js";

export class SingleSourceKeeper implements Keeper {
  readonly #source: CredentialSource;
  readonly #settings: KeeperSettings;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #events = createEvents<KeeperEvents>();
  readonly #refusals = new Refusals();
  readonly #story = new Story();
  readonly #ending = new AbortController();

  #held: Held | undefined;
  #skewMs = 0;
  /** The one request to the source that is under way. Never rejects: what came of it is in `#lastRefresh`. */
  #flight: Promise<void> | undefined;
  #lastRefresh: Refresh | undefined;
  /** Settles with the end of the next request to the source, under way or still to come. */
  #nextOutcome = announcement();
  /** Answers in a row that brought nothing better. */
  #fruitless = 0;
  /** Wall clock: until then the identity held may be handed out without another thought. */
  #quietUntil = Number.NEGATIVE_INFINITY;
  /** Wall clock: from then on the next use asks the source, whatever the timer does. */
  #askAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  #toldServingExpired = false;

  readonly provider: Provider = Object.assign(
    (options?: ProviderOptions): Promise<Identity> => {
      const held = this.#held;
      if (held !== undefined && this.#clock.now() < this.#quietUntil && options?.forceRefresh !== true) {
        return held.promise;
      }
      return this.#provide(options);
    },
    { memoized: true as const },
  );

  constructor(settings: KeeperSettings) {
    this.#source = settings.source;
    this.#settings = settings;
    this.#clock = settings.clock;
    this.#random = settings.random;
  }

  on<K extends keyof KeeperEvents>(event: K, listener: (carried: KeeperEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  async refresh(): Promise<Identity> {
    this.#assertOpen();
    await this.#ask("requested");
    if (this.#held === undefined || this.#lastRefresh?.outcome === "failed") throw this.#unavailable();
    return this.#held.identity;
  }

  reject(accessKeyId: string, reason: string, options: RejectOptions = {}): Promise<Identity> {
    const other = this.#reject(accessKeyId, reason, options);
    // Telling us is enough: who does not wait for the outcome must not be hit by an unhandled rejection.
    other.catch(() => {});
    return other;
  }

  status(): KeeperStatus {
    const held = this.#held;
    const expires = held !== undefined && Number.isFinite(held.expiresAt);
    return Object.freeze({
      state: this.#state(),
      source: this.#source.name,
      generation: held?.generation ?? 0,
      accessKeyId: held?.identity.accessKeyId,
      roleName: held?.roleName,
      accountId: held?.identity.accountId,
      receivedAt: held?.receivedAt,
      expiresAt: expires ? held.expiresAt : undefined,
      remainingMs: expires ? this.#remaining(held) : undefined,
      skewMs: this.#skewMs,
      lastRefresh: this.#lastRefresh,
    });
  }

  history(): readonly HistoryEntry[] {
    return this.#story.entries;
  }

  async snapshot(options?: ProviderOptions): Promise<Snapshot> {
    const identity = await this.provider(options);
    const { accessKeyId, secretAccessKey, sessionToken, expiration, accountId } = identity;
    // Plain and enumerable: it is made to be written down.
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration }),
      ...(accountId === undefined ? {} : { accountId }),
    };
  }

  noteSkew(skewMs: number): void {
    const before = this.#state();
    this.#skewMs = skewMs;
    // Planned anew only when it makes a difference: a skew that wavers must not put the watch off for ever.
    if (this.#state() !== before && this.#flight === undefined && !this.#closed) this.#plan();
  }

  close(): void {
    if (this.#closed) return;
    this.#quietUntil = Number.NEGATIVE_INFINITY;
    this.#timer?.cancel();
    this.#ending.abort(new ClosedError("this Keeper is closed: create another one"));
    this.#nextOutcome.tell();
    if (this.#settings.ownsSource) this.#source.close?.();
  }

  get #closed(): boolean {
    return this.#ending.signal.aborted;
  }

  #assertOpen(): void {
    this.#ending.signal.throwIfAborted();
  }

  /** The source's present, as far as we can tell. */
  #now(): number {
    return this.#clock.now() + this.#skewMs;
  }

  #remaining(held: Held): number {
    return held.expiresAt - this.#now();
  }

  #state(): KeeperState {
    const held = this.#held;
    if (held === undefined) return "empty";
    if (this.#refusals.has(held.identity.accessKeyId)) return "rejected";
    return judge(this.#remaining(held), held.windows);
  }

  /** Everything but the quiet case: one row of the table each. */
  async #provide({ signal, forceRefresh }: ProviderOptions = {}): Promise<Identity> {
    this.#assertOpen();
    signal?.throwIfAborted();
    if (forceRefresh) return this.refresh();
    const state = this.#state();
    if (state === "empty") return this.#firstLoad(signal);
    if (this.#clock.now() >= this.#askAt) void this.#ask(state);
    if (state === "rejected") return this.#other(signal);
    if (state === "mandatory" || state === "expired") {
      await this.#waitForFlight(this.#settings.maxWaitMs, signal);
      this.#assertOpen();
    }
    return this.#serve();
  }

  /** The identity held, such as it is. */
  #serve(): Identity {
    const held = this.#held;
    if (held === undefined) throw this.#unavailable();
    if (this.#state() === "expired" && !this.#toldServingExpired) {
      this.#toldServingExpired = true;
      this.#events.emit("servingExpired", {
        accessKeyId: held.identity.accessKeyId,
        expiredForMs: -this.#remaining(held),
      });
    }
    return held.identity;
  }

  async #firstLoad(signal: AbortSignal | undefined): Promise<Identity> {
    void this.#ask("empty");
    // The load itself is bounded; the margin lets its own error arrive first.
    await this.#waitForFlight(this.#settings.loadTimeoutMs + 1000, signal);
    this.#assertOpen();
    if (this.#held === undefined) throw this.#unavailable();
    return this.#serve();
  }

  async #reject(accessKeyId: string, reason: string, { signal, cause }: RejectOptions): Promise<Identity> {
    this.#assertOpen();
    const held = this.#held;
    // Others are held by now: whoever was hit goes on with those.
    if (held?.identity.accessKeyId !== accessKeyId) return this.provider({ signal });
    if (!this.#refusals.has(accessKeyId)) {
      const refusal = this.#refusals.add(accessKeyId, reason);
      this.#quietUntil = Number.NEGATIVE_INFINITY;
      // A rejection lifts the pause after failures, unless this id has been refused and taken again: then the source
      // has nothing else, and asking it faster will not change that.
      if (refusal.times === 1) this.#askPastEveryPause();
      this.#story.noteRejection(accessKeyId, reason, this.#clock.now());
      this.#events.emit("rejected", refusal);
    }
    const other = await this.#other(signal, cause);
    // Taken again for want of others: good enough for a new request, not for the one that was refused with it.
    if (other.accessKeyId === accessKeyId) throw this.#rejected(cause);
    return other;
  }

  #askPastEveryPause(): void {
    this.#fruitless = 0;
    const underWay = this.#flight;
    void this.#ask("rejected");
    // What was under way may have been answered before the service changed its mind: ask again behind it.
    void underWay?.then(() => {
      if (this.#state() === "rejected" && !this.#closed) void this.#ask("rejected");
    });
  }

  /** Waits for credentials that no service has refused: for one load, or only a moment when the source had none before. */
  async #other(signal: AbortSignal | undefined, cause?: unknown): Promise<Identity> {
    const { network } = this.#clock;
    const { loadTimeoutMs, maxWaitMs } = this.#settings;
    const times = this.#refusals.times(this.#held?.identity.accessKeyId);
    const deadline = network.monotonic() + (times > 1 ? maxWaitMs : loadTimeoutMs);
    while (this.#state() === "rejected") {
      const left = deadline - network.monotonic();
      if (left <= 0) throw this.#rejected(cause);
      await settlesWithin(this.#nextOutcome.known, left, network, signal);
      this.#assertOpen();
    }
    return this.#serve();
  }

  async #waitForFlight(ms: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#flight !== undefined) await settlesWithin(this.#flight, ms, this.#clock.network, signal);
  }

  /** Asks the source, or joins the request that is under way. Resolves when its outcome is known; never rejects. */
  #ask(trigger: RefreshTrigger): Promise<void> {
    if (this.#flight === undefined) {
      this.#timer?.cancel();
      this.#flight = this.#refresh(trigger);
    }
    return this.#flight;
  }

  async #refresh(trigger: RefreshTrigger): Promise<void> {
    const { network } = this.#clock;
    const startedAt = network.monotonic();
    let result: Pick<Refresh, "outcome" | "error">;
    try {
      result = { outcome: this.#take(await this.#load(trigger)) };
    } catch (error) {
      result = { outcome: "failed", error };
    }
    this.#flight = undefined;
    if (this.#closed) return;
    const durationMs = network.monotonic() - startedAt;
    this.#lastRefresh = Object.freeze({ at: this.#clock.now(), trigger, durationMs, ...result });
    this.#story.noteRefresh(this.#lastRefresh, this.#held);
    this.#fruitless = result.outcome === "rotated" || this.#state() === "fresh" ? 0 : this.#fruitless + 1;
    this.#toldServingExpired = false;
    this.#plan();
    this.#nextOutcome.tell();
    this.#nextOutcome = announcement();
    this.#events.emit("refresh", this.#lastRefresh);
  }

  /** One answer of the source, within the time for a load. */
  async #load(trigger: RefreshTrigger): Promise<Loaded> {
    const { loadTimeoutMs } = this.#settings;
    const tooLong = new AbortController();
    const loading = this.#source.load({
      signal: AbortSignal.any([this.#ending.signal, tooLong.signal]),
      // The watch is a courtesy: when it fails, the next one is the second attempt.
      attempts: trigger === "fresh" ? 1 : undefined,
    });
    if (!(await settlesWithin(loading, loadTimeoutMs, this.#clock.network, this.#ending.signal))) {
      const error = new Error(`${this.#source.name} gave no answer within ${loadTimeoutMs} ms`);
      tooLong.abort(error);
      throw error;
    }
    return loading;
  }

  /** Takes what the source offers, if it is better than what we hold. */
  #take({ credentials, skewMs }: Loaded): RefreshOutcome {
    if (skewMs !== undefined) this.#skewMs = skewMs;
    const held = this.#held;
    const state = this.#state();
    if (this.#refusals.has(credentials.accessKeyId)) {
      const needed = state === "empty" || state === "rejected" || state === "expired";
      const patience = this.#settings.maxWaitMs;
      const now = this.#clock.network.monotonic();
      if (!needed || !this.#refusals.offeredAgain(credentials.accessKeyId, now, patience)) return "refused";
    } else if (state === "rejected" || held?.identity.accessKeyId !== credentials.accessKeyId) {
      this.#refusals.otherOffered();
    }
    if (held !== undefined) {
      if (isSame(held, credentials)) return "unchanged";
      if (state !== "rejected" && expiryOf(credentials) < held.expiresAt) return "staler";
    }
    const generation = (held?.generation ?? 0) + 1;
    this.#held = hold(credentials, generation, this.#now(), this.#random);
    this.#events.emit("rotated", {
      generation,
      accessKeyId: credentials.accessKeyId,
      expiresAt: this.#held.expiresAt,
    });
    return "rotated";
  }

  /** Sets when the source is asked next: by the timer, or by a use that comes first. */
  #plan(): void {
    const held = this.#held;
    const state = this.#state();
    const wish = askAgainIn(state, this.#fruitless, this.#source.watchable, this.#random);
    const untilChange =
      held === undefined || state === "rejected"
        ? Number.POSITIVE_INFINITY
        : untilNextFreshness(this.#remaining(held), held.windows);
    // Whole milliseconds, and never none: what is left of a rounding must not become a loop without a pause.
    const delay = Math.max(1, Math.ceil(Math.min(wish, untilChange)));
    this.#askAt = this.#clock.now() + delay;
    this.#quietUntil = state === "fresh" || state === "advisory" ? this.#askAt : Number.NEGATIVE_INFINITY;
    this.#timer?.cancel();
    if (delay === Number.POSITIVE_INFINITY) return;
    // Where callers wait for the outcome, the pause belongs to the network's time, like the waiting.
    const pauses = state === "mandatory" || state === "rejected" ? this.#clock.network : this.#clock;
    this.#timer = pauses.setTimer(delay, () => void this.#ask(this.#state()));
  }

  #unavailable(): CredentialsUnavailableError {
    return this.#story.unavailable(this.#source.name, this.#lastRefresh);
  }

  #rejected(cause: unknown): CredentialsRejectedError {
    return this.#story.rejected(this.#source.name, this.#held, this.#lastRefresh, cause);
  }
}

/** A promise, and the way to fulfil it. */
function announcement(): { readonly known: Promise<void>; readonly tell: () => void } {
  let tell = () => {};
  const known = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return { known, tell };
}
