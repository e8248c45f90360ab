/**
 * A pool of long-lived AWS SDK v3 clients on one Keeper.
 *
 * API clients carry many requests at once, so nothing is checked out: each request goes to one that has room. Here is
 * only the way of a request through the pool; who the members are is in `crew.ts`, which of them is chosen in
 * `choice.ts`, which are left out in `health.ts`, and where a request waits in `waiting-line.ts`.
 */

import { ClosedError, createEvents, type EventSource, settlesWithin } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import {
  type AwsClient,
  type CommandOf,
  type InputOf,
  type OutputOf,
  operationOf,
  type SendOptions,
} from "./aws-types.js";
import { type Choose, chooser } from "./choice.js";
import { Crew } from "./crew.js";
import { Health } from "./health.js";
import { Latency, type LatencyStats } from "./latency.js";
import type { Member, MemberCounts, MemberStats } from "./member.js";
import {
  type ClientPoolOptions,
  type ClientPoolSettings,
  clientPoolSettings,
  closeSettings,
  type SendBy,
} from "./options.js";
import { outcomeOf } from "./outlier.js";
import type { PoolEvents } from "./pool-events.js";
import { optionsCarrying, type RequestUnderWay } from "./request.js";
import { MemberSeat, type Seat, type SeatSettings } from "./seat.js";
import { WaitingLine } from "./waiting-line.js";

/** Of the whole pool, those members included that are gone. */
export interface ClientPoolStats extends MemberCounts {
  /** How many clients the pool may have. */
  readonly size: number;
  /** How many members have been created since the start, whether they have needed their client or not. */
  readonly created: number;
  /** How many get no more requests and have some under way. */
  readonly leaving: number;
  /** How many have been replaced or let go since the start. */
  readonly retired: number;
  /** Times a client was kept from requests because it failed where the others did not. */
  readonly ejected: number;
  /** Requests and leases under way. */
  readonly inFlight: number;
  /** Requests and leases waiting for a client with room. */
  readonly queued: number;
  readonly latency: LatencyStats;
  /** Those that get requests now. */
  readonly members: readonly MemberStats[];
}

export interface CloseOptions {
  /** How long requests under way may take to finish, in milliseconds; then they are cut off. Default 10,000. */
  readonly drainMs?: number | undefined;
}

export interface LeaseOptions {
  /** Ends the wait for a client; what `work` does with it is its own. */
  readonly abortSignal?: SendOptions["abortSignal"];
}

export interface ClientPool<C extends AwsClient> extends EventSource<PoolEvents> {
  /** Keeps the credentials of its clients. */
  readonly keeper: Keeper;
  /**
   * Sends a command through one of the clients, as that client's own `send` would. `abortSignal` ends it while it
   * waits, while it is under way, and between a refusal and its replay.
   * @throws what the SDK throws; `CredentialsRejectedError` or `BodyNotReplayableError` in place of an answer that means
   * stale credentials; `PoolOverloadedError` when every client is busy; `ClientCreationError` when `create()` throws;
   * `ClosedError` after `close()`.
   */
  send<Input extends InputOf<C>, Output extends OutputOf<C>>(
    command: CommandOf<C, Input, Output>,
    options?: SendOptions,
  ): Promise<Output>;
  /**
   * Lends one client for work of several requests, like a paginator or an upload. It is shared, and stays usable until
   * the work ends: do not destroy it.
   */
  lease<T>(work: (client: C) => T | Promise<T>, options?: LeaseOptions): Promise<T>;
  stats(): ClientPoolStats;
  /**
   * Refuses new requests, lets those under way and those waiting finish, then destroys the clients. Idempotent.
   * @throws InvalidInputError when `drainMs` is not what it must be.
   */
  close(options?: CloseOptions): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * @example
 * const keeper = createKeeper();
 * const pool = createClientPool({ size: 20, keeper, create: ({ credentials }) => new SQSClient({ credentials }) });
 * await pool.send(new SendMessageCommand({ QueueUrl, MessageBody: "hello" }));
 *
 * @throws InvalidInputError when an option is not what it must be.
 */
export function createClientPool<C extends AwsClient>(options: ClientPoolOptions<C>): ClientPool<C> {
  return new SharedClientPool(clientPoolSettings(options));
}

class SharedClientPool<C extends AwsClient> implements ClientPool<C> {
  readonly #settings: ClientPoolSettings<C>;
  readonly #events = createEvents<PoolEvents>();
  readonly #crew: Crew<C>;
  readonly #line: WaitingLine<Member<C>>;
  readonly #health: Health<C> | undefined;
  readonly #choose: Choose;
  readonly #seating: SeatSettings<C>;
  readonly #sendBy: SendBy<C>;
  readonly #latency = new Latency();
  readonly #counts = { sent: 0, failed: 0, replayed: 0, surfaced: 0, retired: 0, ejected: 0 };
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: ClientPoolSettings<C>) {
    const { clock, random, choice, ejection } = settings;
    this.#settings = settings;
    this.#crew = new Crew(settings, this.#events);
    this.#line = new WaitingLine(settings, clock.network);
    this.#choose = chooser(choice, random);
    this.#seating = { crew: this.#crew, chooseOther: () => this.#chooseCreated() };
    this.#sendBy = settings.send ?? sendByClient;
    if (ejection !== false) this.#health = new Health(ejection, random, (told) => this.#events.emit("ejected", told));
    for (const event of ["replayed", "surfaced", "retired", "ejected"] as const) {
      this.#events.on(event, () => {
        this.#counts[event] += 1;
      });
    }
  }

  send<Input extends InputOf<C>, Output extends OutputOf<C>>(
    command: CommandOf<C, Input, Output>,
    options?: SendOptions,
  ): Promise<Output> {
    const sending = this.#events.isHeard("request")
      ? this.#sendAndTell(command, options)
      : this.#serve((seat) => this.#sendBy(seat, command, options), options?.abortSignal, undefined);
    return sending as Promise<Output>;
  }

  get keeper(): Keeper {
    return this.#settings.keeper;
  }

  lease<T>(work: (client: C) => T | Promise<T>, { abortSignal }: LeaseOptions = {}): Promise<T> {
    return this.#serve((seat) => work(seat.open()), abortSignal, undefined);
  }

  stats(): ClientPoolStats {
    const now = this.#settings.clock.monotonic();
    return Object.freeze({
      size: this.#settings.size,
      created: this.#crew.created,
      leaving: this.#crew.leaving,
      inFlight: this.#inFlight,
      queued: this.#line.length,
      ...this.#counts,
      latency: this.#latency.stats(),
      members: this.#crew.members.map((member) => member.stats(now)),
    });
  }

  on<K extends keyof PoolEvents>(event: K, listener: (carried: PoolEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  async close(options: CloseOptions = {}): Promise<void> {
    const { drainMs } = closeSettings(options);
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #sendAndTell(command: object, options: SendOptions | undefined): Promise<unknown> {
    const request: RequestUnderWay = { operation: operationOf(command), service: undefined, lane: "sdk" };
    const told = optionsCarrying(options, request);
    const work = (seat: Seat<C>) => {
      request.service = this.#crew.service;
      return this.#sendBy(seat, command, told);
    };
    return this.#serve(work, options?.abortSignal, request);
  }

  /** @param request is told of at its end. */
  async #serve<T>(
    work: (seat: Seat<C>) => T | Promise<T>,
    abortSignal: SendOptions["abortSignal"],
    request: RequestUnderWay | undefined,
  ): Promise<T> {
    if (this.#closing !== undefined) throw new ClosedError("this pool is closed: create another one");
    const signal = abortSignal instanceof AbortSignal ? abortSignal : undefined;
    signal?.throwIfAborted();
    const { network } = this.#settings.clock;
    const askedAt = network.monotonic();
    let seat: MemberSeat<C> | undefined;
    let error: unknown;
    try {
      // Whoever comes while others wait stands behind them.
      const free = this.#line.length === 0 ? this.#free() : undefined;
      seat = new MemberSeat(this.#seating, free === undefined ? await this.#line.join(signal) : this.#begin(free));
      return await work(seat);
    } catch (thrown) {
      error = thrown ?? new Error("no reason given");
      throw thrown;
    } finally {
      const durationMs = network.monotonic() - askedAt;
      if (seat !== undefined) this.#end(seat.member, error, durationMs);
      // Field by field: spreading costs a microsecond, for each request that is observed.
      if (request !== undefined) {
        const { service, operation, lane } = request;
        this.#events.emit("request", { service, operation, lane, durationMs, error });
      }
    }
  }

  /** Undefined when every client is at its bound. */
  #free(): Member<C> | undefined {
    const crew = this.#crew;
    const now = this.#settings.clock.monotonic();
    crew.retireOld(now);
    const fit = this.#fit(now);
    const chosen = this.#choose(fit);
    if (chosen?.inFlight === 0) return chosen;
    if (!crew.mayGrow && crew.members.length > 0) return chosen;
    // Another one only when all of those there are busy.
    const idle = fit.find(({ inFlight }) => inFlight === 0);
    if (idle !== undefined) return idle;
    try {
      return crew.grow();
    } catch (error) {
      if (chosen === undefined) throw error;
      return chosen;
    }
  }

  /** One whose client there is, for a request that cannot have the client of its own member. */
  #chooseCreated(): Member<C> | undefined {
    const fit = this.#fit(this.#settings.clock.monotonic());
    return this.#choose(fit.filter(({ client }) => client !== undefined));
  }

  /** Those that may get a request now; the members as they are, at no cost, as long as nothing keeps one from it. */
  #fit(now: number): readonly Member<C>[] {
    const { members } = this.#crew;
    const healthy = this.#health?.fit(members, now) ?? members;
    const { maxInFlight } = this.#settings;
    return maxInFlight === Number.POSITIVE_INFINITY
      ? healthy
      : healthy.filter(({ inFlight }) => inFlight < maxInFlight);
  }

  #begin(member: Member<C>): Member<C> {
    member.inFlight += 1;
    member.counts.sent += 1;
    this.#inFlight += 1;
    this.#counts.sent += 1;
    return member;
  }

  #end(member: Member<C>, error: unknown, ms: number): void {
    const { clock } = this.#settings;
    member.inFlight -= 1;
    member.lastUsedAt = clock.monotonic();
    member.latency.add(ms);
    this.#latency.add(ms);
    this.#inFlight -= 1;
    if (error !== undefined) {
      member.counts.failed += 1;
      this.#counts.failed += 1;
    }
    const outcome = error === undefined ? "good" : outcomeOf(error);
    this.#health?.note(member, outcome, this.#crew.members, clock.monotonic());
    this.#crew.released(member);
    this.#serveLine();
    if (this.#inFlight === 0) this.#whenIdle?.();
  }

  /** What has become free goes to those who wait, before anybody new sees it. */
  #serveLine(): void {
    while (this.#line.length > 0) {
      try {
        const free = this.#free();
        if (free === undefined) return;
        this.#line.serve(this.#begin(free));
      } catch (error) {
        this.#line.refuse(error);
      }
    }
  }

  async #close(drainMs: number): Promise<void> {
    if (this.#inFlight > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = () => this.#line.length === 0 && resolve();
      });
      await settlesWithin(idle, drainMs, this.#settings.clock.network);
    }
    this.#line.disperse(
      new ClosedError("this pool was closed before a client had room for the request: nothing was sent"),
    );
    this.#crew.destroy();
    await this.#settings.afterClose?.();
  }
}

function sendByClient<C extends AwsClient>(seat: Seat<C>, command: object, options?: SendOptions): Promise<unknown> {
  return seat.open().send(command as never, options as never) as Promise<unknown>;
}
