/**
 * The members of a pool: created when they are first needed, replaced when they are old, let go when nobody uses them. A
 * member that leaves gets no more requests and is destroyed when its last one has ended. Where requests have a way past
 * the clients, a member is no more than its figures until one of them needs its client.
 */

import { backOff, createEvents, type Events, every, type Timer } from "@evertoken/core";
import { type AwsClient, serviceOf } from "./aws-types.js";
import { ClientCreationError } from "./errors.js";
import { Member } from "./member.js";
import type { ClientPoolSettings } from "./options.js";
import type { PoolEvents } from "./pool-events.js";
import { makeQuickToCopy } from "./quick-config.js";
import { RememberedOrders } from "./remembered-order.js";
import { type ReplayEvents, replayPlugin } from "./replay.js";

/** A client that was old enough is replaced up to this much earlier, so that those created together do not go together. */
const LIFETIME_JITTER = 0.1;

/** Members are looked over for age and idleness this often. */
const ROUND_MS = 30_000;

const CREATE_BACK_OFF = { baseMs: 100, maxMs: 30_000 };

export class Crew<C extends AwsClient> {
  readonly #settings: ClientPoolSettings<C>;
  readonly #events: Events<PoolEvents>;
  readonly #leaving = new Set<Member<C>>();
  readonly #orders = new RememberedOrders();
  #members: readonly Member<C>[] = [];
  #created = 0;
  #service: string | undefined;
  /** When the oldest of them is too old, on the clock's monotonic scale. */
  #nextRetireAt = Number.POSITIVE_INFINITY;
  #failures = 0;
  /** What `create()` threw last, and until when (monotonic) it is not called again. */
  #failure: { readonly error: unknown; readonly until: number } | undefined;
  #rounds: Timer | undefined;
  /** How far this host's clock is off, once a service has refused a request for it. */
  #skewMs: number | undefined;

  constructor(settings: ClientPoolSettings<C>, events: Events<PoolEvents>) {
    this.#settings = settings;
    this.#events = events;
  }

  /** Those that get requests. */
  get members(): readonly Member<C>[] {
    return this.#members;
  }

  /** How many get no more requests and have some under way. */
  get leaving(): number {
    return this.#leaving.size;
  }

  /** How many have been created since the start. */
  get created(): number {
    return this.#created;
  }

  /** The service that the clients speak to; undefined until there was one. */
  get service(): string | undefined {
    return this.#service;
  }

  /** How far this host's clock is off, in milliseconds, as far as a client would know that is created now. */
  get skewMs(): number {
    return this.#skewMs ?? 0;
  }

  /** True when one more may be created now. */
  get mayGrow(): boolean {
    return this.#members.length < this.#settings.size && this.#mayCreate;
  }

  get #mayCreate(): boolean {
    return this.#failure === undefined || this.#settings.clock.monotonic() >= this.#failure.until;
  }

  /** @throws ClientCreationError when `create()` throws, and while it is not to be called again. */
  grow(): Member<C> {
    if (!this.#mayCreate) throw this.#creationError();
    const { clock, maxLifetimeMs, random, send } = this.#settings;
    const now = clock.monotonic();
    const life = {
      id: this.#created,
      createdAt: clock.now(),
      retireAt: now + maxLifetimeMs * (1 - LIFETIME_JITTER * random()),
    };
    const member = new Member<C>(life, now);
    // The first one shows whether they can be created at all.
    if (send === undefined || this.#service === undefined) this.clientOf(member);
    this.#created += 1;
    this.#members = [...this.#members, member];
    this.#nextRetireAt = Math.min(this.#nextRetireAt, member.retireAt);
    this.#rounds ??= every(ROUND_MS, () => this.#lookOver(), clock);
    this.#events.emit("created", { member: member.id });
    return member;
  }

  /**
   * The client of this member, created when it is first asked for.
   * @throws ClientCreationError when `create()` throws, and while it is not to be called again.
   */
  clientOf(member: Member<C>): C {
    if (member.client !== undefined) return member.client;
    if (!this.#mayCreate) throw this.#creationError();
    const client = this.#create();
    this.#service ??= serviceOf(client);
    this.#equip(member, client);
    member.client = client;
    return client;
  }

  /** Takes note that a request of this member has ended. */
  released(member: Member<C>): void {
    if (member.inFlight === 0 && this.#leaving.delete(member)) member.client?.destroy();
  }

  /** Gives those that are too old no more requests. */
  retireOld(now: number): void {
    // Asked before each request, so the usual answer must cost next to nothing.
    if (now < this.#nextRetireAt) return;
    for (const member of this.#members) if (now >= member.retireAt) this.#retire(member, "lifetime");
    this.#nextRetireAt = Math.min(...this.#members.map(({ retireAt }) => retireAt));
  }

  /** It is destroyed when it has nothing more to do. */
  #retire(member: Member<C>, reason: "lifetime" | "idle"): void {
    this.#members = this.#members.filter((other) => other !== member);
    this.#leaving.add(member);
    this.#events.emit("retired", { member: member.id, reason });
    this.released(member);
    if (this.#members.length === 0) this.#stopRounds();
  }

  /** Destroys all members, whatever they are doing. */
  destroy(): void {
    this.#stopRounds();
    const all = [...this.#members, ...this.#leaving];
    this.#members = [];
    this.#leaving.clear();
    for (const member of all) {
      if (member.client !== undefined) member.client.destroy();
      // Its last request, cut off, may yet need one.
      else if (member.inFlight > 0) this.#leaving.add(member);
    }
  }

  #create(): C {
    const { create, keeper, clock, random } = this.#settings;
    try {
      const client = create({ credentials: keeper.provider });
      if (typeof client?.middlewareStack?.use !== "function")
        throw new TypeError("create() returned no AWS SDK client");
      this.#failures = 0;
      this.#failure = undefined;
      return client;
    } catch (error) {
      this.#failures += 1;
      // Half of it is certain: a pause of next to nothing would be a busy loop under load.
      const ceilingMs = backOff(this.#failures, { ...CREATE_BACK_OFF, random: () => 1 });
      const forMs = (ceilingMs + backOff(this.#failures, { ...CREATE_BACK_OFF, random })) / 2;
      this.#failure = { error, until: clock.monotonic() + forMs };
      throw this.#creationError();
    }
  }

  #creationError(): ClientCreationError {
    const { error, until } = this.#failure ?? { error: undefined, until: 0 };
    const retryAfterMs = Math.max(0, Math.ceil(until - this.#settings.clock.monotonic()));
    const said = error instanceof Error ? error.message : String(error);
    return new ClientCreationError(
      `the pool's create() failed ${this.#failures} × in a row (${said}): correct it. It is called again in ` +
        `${retryAfterMs} ms.`,
      { cause: error, retryAfterMs },
    );
  }

  /** Makes the client replay what is refused, and tells the pool which member it was. */
  #equip({ id, counts }: Member<C>, client: C): void {
    const { keeper, clock, replayBufferBytes } = this.#settings;
    const events = createEvents<ReplayEvents>();
    const about = { member: id, service: serviceOf(client) };
    for (const event of ["replayed", "surfaced"] as const) {
      events.on(event, (carried) => {
        counts[event] += 1;
        this.#events.emit(event, { ...about, ...carried } as PoolEvents[typeof event]);
      });
    }
    events.on("replayEnded", (carried) => this.#events.emit("replayEnded", { ...about, ...carried }));
    const learnSkew = (skewMs: number) => this.#learnSkew(skewMs);
    client.middlewareStack.use(replayPlugin({ keeper, clock, events, replayBufferBytes, learnSkew }));
    this.#orders.use(client.middlewareStack);
    makeQuickToCopy(client.config);
    if (this.#skewMs !== undefined) signWithSkew(client, this.#skewMs);
  }

  /** One client was refused for its clock: none of the others needs to be. */
  #learnSkew(skewMs: number): void {
    this.#skewMs = skewMs;
    for (const { client } of this.#members) if (client !== undefined) signWithSkew(client, skewMs);
  }

  #lookOver(): void {
    const now = this.#settings.clock.monotonic();
    this.retireOld(now);
    for (const member of this.#members) {
      if (member.inFlight === 0 && now - member.lastUsedAt >= this.#settings.idleTimeoutMs)
        this.#retire(member, "idle");
    }
  }

  #stopRounds(): void {
    this.#rounds?.cancel();
    this.#rounds = undefined;
  }
}

/** The SDK's signer reads the offset for each request, and corrects it itself from then on. */
function signWithSkew({ config }: AwsClient, skewMs: number): void {
  Object.assign(config, { systemClockOffset: skewMs });
}
