/**
 * Asks the source: one request at a time, each within its time, again when `policy.ts` says so, by a timer or by a use that
 * comes first. What comes of it goes into the {@link Holding}, the history and the events; a failure is never remembered
 * beyond that. Timers never keep a process alive.
 */

import { AsyncResource } from "node:async_hooks";
import { type Events, settlesWithin, type Timer } from "@evertoken/core";
import type { Holding } from "./holding.js";
import type { KeeperEvents, Refresh, RefreshTrigger } from "./keeper.js";
import type { KeeperSettings } from "./options.js";
import { askAgainIn, type KeeperState } from "./policy.js";
import { assertLoaded, type Loaded } from "./source.js";
import type { Story } from "./story.js";

/** Those who are told what came of it. */
interface Told {
  readonly events: Events<KeeperEvents>;
  readonly story: Story;
}

export class Refresher {
  readonly #settings: KeeperSettings;
  readonly #holding: Holding;
  readonly #told: Told;
  readonly #ending = new AbortController();
  /** A timer's refresh is nobody's: it must not count as part of, or hold on to, the request that once planned it. */
  readonly #background = new AsyncResource("EvertokenRefresh");
  #flight: Promise<void> | undefined;
  #last: Refresh | undefined;
  #nextOutcome = announcement();
  /** Answers in a row that brought nothing better. */
  #fruitless = 0;
  #quietUntil = Number.NEGATIVE_INFINITY;
  /** Wall clock: from then on the next use asks the source, whatever the timer does. */
  #askAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(settings: KeeperSettings, holding: Holding, told: Told) {
    this.#settings = settings;
    this.#holding = holding;
    this.#told = told;
  }

  /** The one request to the source that is under way. Never rejects: what came of it is in `last`. */
  get underWay(): Promise<void> | undefined {
    return this.#flight;
  }

  get last(): Refresh | undefined {
    return this.#last;
  }

  /** Settles with the end of the next request to the source, under way or still to come. */
  get nextOutcome(): Promise<void> {
    return this.#nextOutcome.known;
  }

  /** Wall clock: until then the identity held may be handed out without another thought. */
  get quietUntil(): number {
    return this.#quietUntil;
  }

  /** @throws ClosedError after `close()`. */
  assertOpen(): void {
    this.#ending.signal.throwIfAborted();
  }

  /** Asks the source, or joins the request that is under way. Resolves when its outcome is known; never rejects. */
  ask(trigger: RefreshTrigger): Promise<void> {
    if (this.#flight === undefined) {
      this.#timer?.cancel();
      this.#flight = this.#refresh(trigger);
    }
    return this.#flight;
  }

  /** Asks when its time has come: for a use that comes before the timer, as after a machine slept. */
  askIfDue(state: KeeperState): void {
    if (this.#settings.clock.now() >= this.#askAt) void this.ask(state);
  }

  /** A rejection lifts the pause after failures. */
  askPastEveryPause(): void {
    this.#fruitless = 0;
    const underWay = this.#flight;
    void this.ask("rejected");
    // What was under way may have been answered before the service changed its mind: ask again behind it.
    void underWay?.then(() => {
      if (this.#holding.state === "rejected" && !this.#ending.signal.aborted) void this.ask("rejected");
    });
  }

  /** The identity held is no longer to be handed out without a thought. */
  endQuiet(): void {
    this.#quietUntil = Number.NEGATIVE_INFINITY;
  }

  /** The state has changed by itself: sets anew when the source is asked. */
  replan(): void {
    if (this.#flight === undefined && !this.#ending.signal.aborted) this.#plan();
  }

  /** @param reason what `assertOpen` throws from now on. */
  close(reason: Error): void {
    this.endQuiet();
    this.#timer?.cancel();
    this.#ending.abort(reason);
    this.#nextOutcome.tell();
  }

  async #refresh(trigger: RefreshTrigger): Promise<void> {
    const { clock } = this.#settings;
    const startedAt = clock.network.monotonic();
    let result: Pick<Refresh, "outcome" | "error">;
    try {
      result = { outcome: this.#holding.take(await this.#load(trigger)) };
    } catch (error) {
      result = { outcome: "failed", error };
    }
    this.#flight = undefined;
    if (this.#ending.signal.aborted) return;
    const durationMs = clock.network.monotonic() - startedAt;
    this.#last = Object.freeze({ at: clock.now(), trigger, durationMs, ...result });
    this.#fruitless = result.outcome === "rotated" || this.#holding.state === "fresh" ? 0 : this.#fruitless + 1;
    this.#plan();
    this.#tell(this.#last);
  }

  /** One answer of the source, within the time for a load. */
  async #load(trigger: RefreshTrigger): Promise<Loaded> {
    const { source, loadTimeoutMs, clock } = this.#settings;
    const tooLong = new AbortController();
    const loading = source.load({
      signal: AbortSignal.any([this.#ending.signal, tooLong.signal]),
      // The watch is a courtesy: when it fails, the next one is the second attempt.
      attempts: trigger === "fresh" ? 1 : undefined,
    });
    if (!(await settlesWithin(loading, loadTimeoutMs, clock.network, this.#ending.signal))) {
      const error = new Error(`${source.name} gave no answer within ${loadTimeoutMs} ms`);
      tooLong.abort(error);
      throw error;
    }
    const loaded = await loading;
    assertLoaded(source.name, loaded);
    return loaded;
  }

  #tell(refresh: Refresh): void {
    const { events, story } = this.#told;
    const { held } = this.#holding;
    story.noteRefresh(refresh, held);
    this.#nextOutcome.tell();
    this.#nextOutcome = announcement();
    if (refresh.outcome === "rotated" && held !== undefined) {
      const { generation, expiresAt, identity } = held;
      events.emit("rotated", { generation, accessKeyId: identity.accessKeyId, expiresAt });
    }
    events.emit("refresh", refresh);
  }

  /** Sets when the source is asked next: by the timer, or by a use that comes first. */
  #plan(): void {
    const { clock, source, random } = this.#settings;
    const { state } = this.#holding;
    const wish = askAgainIn(state, this.#fruitless, source.watchable, random);
    // Whole milliseconds, and never none: what is left of a rounding must not become a loop without a pause.
    const delay = Math.max(1, Math.ceil(Math.min(wish, this.#holding.untilChange())));
    this.#askAt = clock.now() + delay;
    this.#quietUntil = state === "fresh" || state === "advisory" ? this.#askAt : Number.NEGATIVE_INFINITY;
    this.#timer?.cancel();
    if (delay === Number.POSITIVE_INFINITY) return;
    // Where callers wait for the outcome, the pause belongs to the network's time, like the waiting.
    const pauses = state === "mandatory" || state === "rejected" ? clock.network : clock;
    this.#timer = this.#background.runInAsyncScope(() =>
      pauses.setTimer(delay, () => this.#background.runInAsyncScope(() => void this.ask(this.#holding.state))),
    );
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
