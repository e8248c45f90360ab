/**
 * Any sequence of what can happen to a Keeper: time passing, callers, rotations, outages, slowness, malformed and stuck
 * answers, rejections, clocks that jump. After each step the invariants hold. On failure fast-check prints a seed, a path and a
 * replayPath to run the very same sequence again (EVERTOKEN_SEED, EVERTOKEN_PATH, EVERTOKEN_REPLAY_PATH).
 */

import { seededRandom, VirtualClock } from "@evertoken/core";
import {
  type CredentialSource,
  type Credentials,
  createKeeper,
  type Identity,
  type Keeper,
  type KeeperState,
} from "@evertoken/credentials";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { credentials, HOUR, MINUTE, NOON } from "./offers.js";

const SEQUENCES = Number(process.env.EVERTOKEN_MODEL_SEQUENCES ?? 10_000);
const MAX_WAIT_MS = 1000;
const LOAD_TIMEOUT_MS = 10_000;

/** The longest pause between two questions to the source when it matters: ten minutes, and the time of an answer. */
const SLOWEST_PACE_MS = 10 * MINUTE + LOAD_TIMEOUT_MS;

/** How long a caller waits at most, by the state that it finds. */
const LONGEST_WAIT_MS: Readonly<Record<KeeperState, number>> = {
  empty: LOAD_TIMEOUT_MS + 1000,
  fresh: 0,
  advisory: 0,
  mandatory: MAX_WAIT_MS,
  expired: MAX_WAIT_MS,
  rejected: LOAD_TIMEOUT_MS,
};

interface Caller {
  readonly since: number;
  readonly longestWaitMs: number;
}

/** The whole of a Keeper's world, and what must be true of it. */
class World {
  readonly clock = new VirtualClock({ startAt: NOON });
  readonly keeper: Keeper;
  issued = 1;
  offered: Credentials = credentials("A1", NOON + 6 * HOUR);
  up = true;
  malformed = false;
  slowMs = 0;
  inFlight = 0;
  mostInFlight = 0;
  readonly rejectedIds = new Set<string>();
  readonly waiting = new Set<Caller>();
  /** Since when the source could have given something that is good now; undefined while it could not. */
  #goodSince: number | undefined = 0;
  /** What the Keeper believed when it last heard of the source. */
  #stateAfterRefresh: KeeperState = "empty";
  #held: { readonly accessKeyId: string; readonly expiresAt: number } | undefined;

  constructor(chance: number) {
    const source: CredentialSource = {
      name: "the model's source",
      watchable: true,
      load: async ({ signal }) => {
        this.inFlight += 1;
        this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
        try {
          if (this.slowMs > 0) await this.clock.sleep(this.slowMs, signal);
          if (!this.up) throw new Error("down");
          if (this.malformed) throw new Error("malformed");
          return { credentials: this.offered };
        } finally {
          this.inFlight -= 1;
        }
      },
    };
    this.keeper = createKeeper({
      source,
      clock: this.clock,
      random: seededRandom(chance),
      maxWaitMs: MAX_WAIT_MS,
      loadTimeoutMs: LOAD_TIMEOUT_MS,
    });
    this.keeper.on("rotated", ({ accessKeyId, expiresAt }) => {
      const before = this.#held;
      this.#held = { accessKeyId, expiresAt };
      if (before === undefined || this.rejectedIds.has(before.accessKeyId)) return;
      if (expiresAt < before.expiresAt) this.failures.push(new Error("a staler answer replaced a fresher"));
    });
    this.keeper.on("refresh", () => {
      this.#stateAfterRefresh = this.keeper.status().state;
    });
  }

  /** One caller; what it gets is judged when it gets it. */
  call(signal?: AbortSignal): void {
    const { state } = this.keeper.status();
    // The machine slept: nothing failed, the clock has moved on, and the source would answer at once.
    const slept = state === "expired" && ["fresh", "advisory"].includes(this.#stateAfterRefresh);
    const mustBeGood = slept && this.#isGood() && this.slowMs === 0 && this.inFlight === 0;
    this.#watch(this.keeper.provider({ signal }), LONGEST_WAIT_MS[state], ({ accessKeyId, expiration }) => {
      const isGood = (expiration?.getTime() ?? 0) > this.clock.now() && !this.rejectedIds.has(accessKeyId);
      if (isGood) return;
      expect(mustBeGood, "expired credentials on the first call after a sleep").toBe(false);
      this.#mayServeBad();
    });
  }

  /** A caller whose request a service refused. */
  reject(accessKeyId: string): void {
    this.rejectedIds.add(accessKeyId);
    // Another that was hit, and that does not wait for the outcome.
    void this.keeper.reject(accessKeyId, "ExpiredToken");
    this.#watch(this.keeper.reject(accessKeyId, "ExpiredToken"), LONGEST_WAIT_MS.empty, (other) => {
      expect(other.accessKeyId, "a refused request was given the same credentials").not.toBe(accessKeyId);
    });
  }

  #watch(call: Promise<Identity>, longestWaitMs: number, judge: (identity: Identity) => void): void {
    const caller = { since: this.clock.monotonic(), longestWaitMs };
    this.waiting.add(caller);
    const settled = () => {
      this.waiting.delete(caller);
      const waited = this.clock.monotonic() - caller.since;
      expect(waited, "a caller waited longer than documented").toBeLessThanOrEqual(longestWaitMs);
    };
    const judged = call.then(
      (identity) => {
        settled();
        judge(identity);
      },
      (error: unknown) => {
        settled();
        expect(String(error), "an error of the Keeper's own").toMatch(/^(Credentials|Closed|Error: gone)/);
      },
    );
    judged.catch((failure: unknown) => this.failures.push(failure));
  }

  /** Assertions inside of promises that nobody awaits. */
  readonly failures: unknown[] = [];

  #mayServeBad(): void {
    if (this.#goodSince === undefined) return;
    const missed = this.clock.monotonic() - this.#goodSince;
    expect(missed, "expired or refused credentials were served though better ones were to be had").toBeLessThanOrEqual(
      SLOWEST_PACE_MS,
    );
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    this.check();
  }

  check(): void {
    if (this.failures.length > 0) throw this.failures[0];
    expect(this.mostInFlight, "two refreshes in flight").toBeLessThanOrEqual(1);
    const now = this.clock.monotonic();
    for (const { since, longestWaitMs } of this.waiting)
      expect(now - since, "a caller still waits").toBeLessThanOrEqual(longestWaitMs);
    if (!this.#isGood()) this.#goodSince = undefined;
    else this.#goodSince ??= now;
  }

  /** Whether the source would now give credentials that are good. */
  #isGood(): boolean {
    const { accessKeyId, expiration } = this.offered;
    const lives = (expiration?.getTime() ?? 0) > this.clock.now();
    return this.up && !this.malformed && this.slowMs < LOAD_TIMEOUT_MS && lives && !this.rejectedIds.has(accessKeyId);
  }

  /** The wall clock jumps: what was good in time may have ended without a chance to notice, so counting begins anew. */
  jump(ms: number): void {
    this.clock.step(ms);
    this.#goodSince = undefined;
  }

  rotate(lifetime = 6 * HOUR): void {
    this.issued += 1;
    this.offered = credentials(`A${this.issued}`, this.clock.now() + lifetime);
  }
}

type Step = fc.AsyncCommand<object, World>;

const step = (name: string, run: (world: World) => void | Promise<void>): Step => ({
  check: () => true,
  run: async (_, world) => {
    await run(world);
    await world.pass(0);
  },
  toString: () => name,
});

const durations = fc.oneof(
  fc.integer({ min: 1, max: 3000 }),
  fc.integer({ min: 1, max: 20 * MINUTE }),
  fc.integer({ min: 1, max: 7 * HOUR }),
);

const steps: fc.Arbitrary<Step>[] = [
  durations.map((ms) => step(`pass(${ms})`, (world) => world.pass(ms))),
  fc.integer({ min: 1, max: 5 }).map((callers) =>
    step(`call(${callers})`, (world) => {
      for (let caller = 0; caller < callers; caller++) world.call();
    }),
  ),
  fc.integer({ min: 0, max: 2000 }).map((ms) =>
    step(`callAndGiveUpAfter(${ms})`, (world) => {
      const abort = new AbortController();
      world.call(abort.signal);
      world.call();
      world.clock.setTimer(ms, () => abort.abort(new Error("gone")));
    }),
  ),
  fc
    .oneof(fc.constant(6 * HOUR), fc.integer({ min: -HOUR, max: 8 * HOUR }))
    .map((lifetime) => step(`rotate(${lifetime})`, (world) => world.rotate(lifetime))),
  fc.boolean().map((up) =>
    step(up ? "up" : "down", (world) => {
      world.up = up;
    }),
  ),
  fc.boolean().map((malformed) =>
    step(`malformed(${malformed})`, (world) => {
      world.malformed = malformed;
    }),
  ),
  fc.constantFrom(0, 0, 900, 5000, 20_000).map((ms) =>
    step(`slow(${ms})`, (world) => {
      world.slowMs = ms;
    }),
  ),
  fc.constantFrom("held", "offered").map((which) =>
    step(`reject(${which})`, (world) => {
      const id = which === "held" ? world.keeper.status().accessKeyId : world.offered.accessKeyId;
      if (id !== undefined) world.reject(id);
    }),
  ),
  fc.integer({ min: -10 * HOUR, max: 10 * HOUR }).map((ms) => step(`stepClock(${ms})`, (world) => world.jump(ms))),
  fc
    .record({ outage: fc.integer({ min: HOUR, max: 12 * HOUR }), until: fc.integer({ min: 0, max: HOUR }) })
    .map(({ outage, until }) =>
      step(`outageThenCall(${outage}, ${until})`, async (world) => {
        world.up = false;
        await world.pass(outage);
        world.up = true;
        world.rotate();
        world.check();
        await world.pass(until);
        world.call();
      }),
    ),
  fc.integer({ min: MINUTE, max: 20 * HOUR }).map((ms) =>
    step(`sleepThenCall(${ms})`, (world) => {
      world.jump(ms);
      world.rotate();
      world.check();
      world.call();
    }),
  ),
  fc.constant(step("refresh", (world) => void world.keeper.refresh().catch(() => {}))),
];

describe("a keeper in any sequence of events", () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  beforeAll(() => void process.on("unhandledRejection", note));
  afterAll(() => void process.off("unhandledRejection", note));

  it(`keeps its promises, in ${SEQUENCES} sequences`, { timeout: 300_000 }, async () => {
    const { EVERTOKEN_REPLAY_PATH: replayPath } = process.env;
    const replay = replayPath === undefined ? {} : { replayPath };
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.commands(steps, { maxCommands: 25, ...replay }), async (chance, commands) => {
        const world = new World(chance);
        await fc.asyncModelRun(() => ({ model: {}, real: world }), commands);
        world.keeper.close();
        await world.pass(0);
        expect(world.waiting.size, "a caller was forgotten").toBe(0);
        expect(world.keeper.status().source).toBe("the model's source");
        expect(unhandled).toEqual([]);
        // Aborts that a sequence has set for later are the test's own.
        await world.clock.advance(2000);
        expect(world.clock.pending, "a timer was left behind").toBe(0);
      }),
      {
        numRuns: SEQUENCES,
      },
    );
  });
});
