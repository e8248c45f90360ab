/**
 * Keeps the credentials of one source as fresh as the source can give them, for any number of callers: what each caller
 * gets in each row of the Keeper's table, and how long it waits for it.
 *
 * What is held and what it counts as is in `holding.ts`, how the source is asked in `refresher.ts`. Freshness is judged by
 * wall-clock instants at each use, so that a suspended machine or a stepped clock is right on the next call.
 */

import { abortable, ClosedError, createEvents, InvalidInputError, settlesWithin } from "@evertoken/core";
import type { CredentialsRejectedError, CredentialsUnavailableError } from "./errors.js";
import type { Identity } from "./held.js";
import type { HistoryEntry } from "./history.js";
import { Holding } from "./holding.js";
import type {
  Keeper,
  KeeperEvents,
  KeeperStatus,
  Provider,
  ProviderOptions,
  Refresh,
  RejectOptions,
  Snapshot,
} from "./keeper.js";
import type { KeeperSettings } from "./options.js";
import { Refresher } from "./refresher.js";
import { Story } from "./story.js";

export class SingleSourceKeeper implements Keeper {
  readonly #settings: KeeperSettings;
  readonly #events = createEvents<KeeperEvents>();
  readonly #story = new Story();
  readonly #holding: Holding;
  readonly #refresher: Refresher;
  /** The refresh since which callers have been told that they go on with expired credentials. */
  #warnedSince: Refresh | undefined;

  readonly #stopRelaying: (() => void) | undefined;

  readonly provider: Provider = Object.assign(
    (options?: ProviderOptions): Promise<Identity> => {
      const { held } = this.#holding;
      const quiet = this.#settings.clock.now() < this.#refresher.quietUntil;
      if (held !== undefined && quiet && options?.forceRefresh !== true) return held.promise;
      // Libraries that take a function call it with what they like.
      return this.#provide(options ?? {});
    },
    { memoized: true as const },
  );

  constructor(settings: KeeperSettings) {
    this.#settings = settings;
    this.#holding = new Holding(settings);
    this.#refresher = new Refresher(settings, this.#holding, { events: this.#events, story: this.#story });
    this.#stopRelaying = settings.source.on?.("imdsRequest", (request) => this.#events.emit("imdsRequest", request));
  }

  on<K extends keyof KeeperEvents>(event: K, listener: (carried: KeeperEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  async refresh(): Promise<Identity> {
    this.#refresher.assertOpen();
    await this.#refresher.ask("requested");
    this.#refresher.assertOpen();
    const { held } = this.#holding;
    if (held === undefined || this.#refresher.last?.outcome === "failed") throw this.#unavailable();
    return held.identity;
  }

  reject(accessKeyId: string, reason: string, options: RejectOptions = {}): Promise<Identity> {
    const other = this.#reject(accessKeyId, reason, options);
    // Telling us is enough: who does not wait for the outcome must not be hit by an unhandled rejection.
    other.catch(() => {});
    return other;
  }

  status(): KeeperStatus {
    const { held, state, skewMs } = this.#holding;
    const expires = held !== undefined && Number.isFinite(held.expiresAt);
    return Object.freeze({
      state,
      source: this.#settings.source.name,
      sourceKind: this.#settings.source.kind,
      generation: held?.generation ?? 0,
      accessKeyId: held?.identity.accessKeyId,
      roleName: held?.roleName,
      accountId: held?.identity.accountId,
      receivedAt: held?.receivedAt,
      expiresAt: expires ? held.expiresAt : undefined,
      remainingMs: expires ? this.#holding.remaining(held) : undefined,
      advisoryAt: expires ? held.expiresAt - held.windows.advisoryMs : undefined,
      skewMs,
      lastRefresh: this.#refresher.last,
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
    if (!Number.isFinite(skewMs)) {
      throw new InvalidInputError("noteSkew", [{ field: "skewMs", message: `is ${skewMs}: expected milliseconds` }]);
    }
    const { state } = this.#holding;
    this.#holding.noteSkew(skewMs);
    // Planned anew only when it makes a difference: a skew that wavers must not put the watch off for ever.
    if (this.#holding.state !== state) this.#refresher.replan();
  }

  close(): void {
    this.#refresher.close(new ClosedError("this Keeper is closed: create another one"));
    this.#stopRelaying?.();
    if (this.#settings.ownsSource) this.#settings.source.close?.();
  }

  /** Everything but the quiet case: one row of the table each. */
  async #provide({ signal, forceRefresh }: ProviderOptions): Promise<Identity> {
    this.#refresher.assertOpen();
    signal?.throwIfAborted();
    if (forceRefresh) return abortable(this.refresh(), signal);
    const { state } = this.#holding;
    if (state === "empty") return this.#firstLoad(signal);
    this.#refresher.askIfDue(state);
    if (state === "rejected") return this.#other(signal);
    if (state === "mandatory" || state === "expired") await this.#waitForFlight(this.#settings.maxWaitMs, signal);
    return this.#serve();
  }

  /** The identity held, such as it is. */
  #serve(): Identity {
    const { held, state } = this.#holding;
    if (held === undefined) throw this.#unavailable();
    if (state === "expired" && this.#warnedSince !== this.#refresher.last) {
      this.#warnedSince = this.#refresher.last;
      const { accessKeyId } = held.identity;
      this.#events.emit("servingExpired", { accessKeyId, expiredForMs: -this.#holding.remaining(held) });
    }
    return held.identity;
  }

  async #firstLoad(signal: AbortSignal | undefined): Promise<Identity> {
    void this.#refresher.ask("empty");
    // The load itself is bounded; the margin lets its own error arrive first.
    await this.#waitForFlight(this.#settings.loadTimeoutMs + 1000, signal);
    return this.#serve();
  }

  async #reject(accessKeyId: string, reason: string, { signal, cause }: RejectOptions): Promise<Identity> {
    this.#refresher.assertOpen();
    const { held, refusals } = this.#holding;
    const isNews = !refusals.has(accessKeyId);
    if (held?.identity.accessKeyId !== accessKeyId) {
      // Others are held by now, or none yet: whoever was hit goes on with those, and the refused ones are not taken up.
      if (isNews) refusals.add(accessKeyId, reason);
    } else if (isNews) {
      const refusal = refusals.add(accessKeyId, reason);
      this.#refresher.endQuiet();
      // Not for an id that has been refused and taken again: then the source has nothing else, and asking it faster
      // will not change that.
      if (refusal.times === 1) this.#refresher.askPastEveryPause();
      this.#story.noteRejection(accessKeyId, reason, this.#settings.clock.now());
      this.#events.emit("rejected", refusal);
    }
    const other =
      held?.identity.accessKeyId === accessKeyId ? await this.#other(signal, cause) : await this.provider({ signal });
    // Taken again for want of others: good enough for a new request, not for the one that was refused with it.
    if (other.accessKeyId === accessKeyId) throw this.#rejected(cause);
    return other;
  }

  /** Waits for credentials that no service has refused: for one load, or only a moment when the source had none before. */
  async #other(signal: AbortSignal | undefined, cause?: unknown): Promise<Identity> {
    const { loadTimeoutMs, maxWaitMs, clock } = this.#settings;
    const { network } = clock;
    const times = this.#holding.refusals.times(this.#holding.held?.identity.accessKeyId);
    const deadline = network.monotonic() + (times > 1 ? maxWaitMs : loadTimeoutMs);
    while (this.#holding.state === "rejected") {
      const left = deadline - network.monotonic();
      if (left <= 0) throw this.#rejected(cause);
      await settlesWithin(this.#refresher.nextOutcome, left, network, signal);
      this.#refresher.assertOpen();
    }
    return this.#serve();
  }

  async #waitForFlight(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const { underWay } = this.#refresher;
    if (underWay === undefined) return;
    await settlesWithin(underWay, ms, this.#settings.clock.network, signal);
    this.#refresher.assertOpen();
  }

  #unavailable(): CredentialsUnavailableError {
    return this.#story.unavailable(this.#settings.source.name, this.#refresher.last);
  }

  #rejected(cause: unknown): CredentialsRejectedError {
    return this.#story.rejected(this.#settings.source.name, this.#holding.held, this.#refresher.last, cause);
  }
}
