/**
 * A pool of long-lived AWS SDK v3 clients on one Keeper.
 *
 * API clients carry many requests at once, so nothing is checked out: each request goes to the client with the fewest
 * under way. The pool knows its members; a member knows nothing of the pool.
 */

import { ClosedError, createEvents, type EventSource, settlesWithin } from "@evertoken/core";
import type { AwsClient, CommandOf, InputOf, OutputOf, SendOptions } from "./aws-types.js";
import { type ClientPoolOptions, type ClientPoolSettings, clientPoolSettings } from "./options.js";
import { type ReplayEvents, replayPlugin } from "./replay.js";

export interface ClientPoolStats {
  /** How many clients the pool may have. */
  readonly size: number;
  /** How many have been created by now. */
  readonly created: number;
  /** Requests and leases under way. */
  readonly inFlight: number;
  /** Requests and leases since the start, those under way included. */
  readonly sent: number;
  /** Of these, how many ended with an error. */
  readonly failed: number;
  /** Requests that were sent once more with other credentials. */
  readonly replayed: number;
  /** Answers that mean stale credentials and reached a caller. */
  readonly surfaced: number;
}

export interface CloseOptions {
  /** How long requests under way may take to finish, in milliseconds; then they are cut off. Default 10,000. */
  readonly drainMs?: number | undefined;
}

export interface ClientPool<C extends AwsClient> extends EventSource<ReplayEvents> {
  /**
   * Sends a command through the least busy client, as that client's own `send` would.
   * @throws what the SDK throws; `CredentialsRejectedError` or `BodyNotReplayableError` in place of an answer that means
   * stale credentials; `ClosedError` after `close()`.
   */
  send<Input extends InputOf<C>, Output extends OutputOf<C>>(
    command: CommandOf<C, Input, Output>,
    options?: SendOptions,
  ): Promise<Output>;
  /**
   * Lends the least busy client for work of several requests, like a paginator or an upload. It is shared: do not
   * destroy it.
   */
  lease<T>(work: (client: C) => T | Promise<T>): Promise<T>;
  stats(): ClientPoolStats;
  /** Refuses new requests, lets those under way finish, then destroys the clients. Idempotent. */
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
  return new LeastBusyPool(clientPoolSettings(options));
}

interface Member<C> {
  client: C | undefined;
  inFlight: number;
}

class LeastBusyPool<C extends AwsClient> implements ClientPool<C> {
  readonly #settings: ClientPoolSettings<C>;
  readonly #members: readonly Member<C>[];
  readonly #events = createEvents<ReplayEvents>();
  readonly #counts = { sent: 0, failed: 0, replayed: 0, surfaced: 0 };
  /** Where the search for the least busy begins, so that equals take turns. */
  #turn = 0;
  #inFlight = 0;
  #whenIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(settings: ClientPoolSettings<C>) {
    this.#settings = settings;
    this.#members = Array.from({ length: settings.size }, () => ({ client: undefined, inFlight: 0 }));
    this.#events.on("replayed", () => {
      this.#counts.replayed += 1;
    });
    this.#events.on("surfaced", () => {
      this.#counts.surfaced += 1;
    });
  }

  send<Input extends InputOf<C>, Output extends OutputOf<C>>(
    command: CommandOf<C, Input, Output>,
    options?: SendOptions,
  ): Promise<Output> {
    return this.lease((client) => client.send(command as never, options as never) as Promise<Output>);
  }

  async lease<T>(work: (client: C) => T | Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new ClosedError("this pool is closed: create another one");
    const member = this.#leastBusy();
    member.client ??= this.#create();
    member.inFlight += 1;
    this.#inFlight += 1;
    this.#counts.sent += 1;
    try {
      return await work(member.client);
    } catch (error) {
      this.#counts.failed += 1;
      throw error;
    } finally {
      member.inFlight -= 1;
      this.#inFlight -= 1;
      if (this.#inFlight === 0) this.#whenIdle?.();
    }
  }

  stats(): ClientPoolStats {
    const created = this.#members.filter(({ client }) => client !== undefined).length;
    return Object.freeze({ size: this.#members.length, created, inFlight: this.#inFlight, ...this.#counts });
  }

  on<K extends keyof ReplayEvents>(event: K, listener: (carried: ReplayEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  close({ drainMs = 10_000 }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(drainMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #leastBusy(): Member<C> {
    const count = this.#members.length;
    const start = this.#turn;
    this.#turn = (start + 1) % count;
    let best = this.#members[start] as Member<C>;
    for (let step = 1; step < count && best.inFlight > 0; step++) {
      const candidate = this.#members[(start + step) % count] as Member<C>;
      if (candidate.inFlight < best.inFlight) best = candidate;
    }
    return best;
  }

  #create(): C {
    const { create, keeper, clock } = this.#settings;
    const client = create({ credentials: keeper.provider });
    client.middlewareStack.use(replayPlugin(keeper, clock, this.#events));
    return client;
  }

  async #close(drainMs: number): Promise<void> {
    if (this.#inFlight > 0) {
      const idle = new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
      await settlesWithin(idle, drainMs, this.#settings.clock.network);
    }
    for (const { client } of this.#members) client?.destroy();
    await this.#settings.afterClose?.();
  }
}
