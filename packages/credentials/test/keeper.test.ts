import { AsyncLocalStorage } from "node:async_hooks";
import { inspect } from "node:util";
import { ClosedError, InvalidInputError } from "@evertoken/core";
import {
  type Credentials,
  CredentialsRejectedError,
  CredentialsUnavailableError,
  createKeeper,
} from "@evertoken/credentials";
import { describe, expect, it } from "vitest";
import { credentials, HOUR, keeperAtNoon, MINUTE, NOON } from "./offers.js";

describe("an empty keeper", () => {
  it("loads once, however many wait", async () => {
    const { keeper, source } = keeperAtNoon();

    const identities = await Promise.all(Array.from({ length: 100 }, () => keeper.provider()));

    expect(new Set(identities).size).toBe(1);
    expect(identities[0]?.accessKeyId).toBe("A1");
    expect(source.requests).toHaveLength(1);
  });

  it("tells everyone who waits why there are no credentials", async () => {
    const { keeper, source } = keeperAtNoon();
    source.fails("no role is attached");

    const outcomes = await Promise.allSettled([keeper.provider(), keeper.provider()]);

    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: expect.objectContaining({
          code: "CREDENTIALS_UNAVAILABLE",
          message: "no credentials from the scripted source: no role is attached",
        }),
      });
    }
    expect(source.requests).toHaveLength(1);
  });

  it("asks again for the next caller: a failure is never remembered", async () => {
    const { keeper, source } = keeperAtNoon();
    source.fails();
    await expect(keeper.provider()).rejects.toThrow(CredentialsUnavailableError);

    source.offers(credentials("A1", NOON + HOUR));

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
  });

  it("asks again by itself after a failure", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    source.fails();
    await expect(keeper.provider()).rejects.toThrow();
    source.offers(credentials("A1", NOON + HOUR));

    await clock.advance(MINUTE);

    expect(keeper.status().state).toBe("fresh");
  });

  it("gives up on a source that never answers, after the time for a load", async () => {
    const { keeper, source, clock } = keeperAtNoon({ loadTimeoutMs: 3000 });
    source.answer = () => new Promise(() => {});
    const waiting = keeper.provider();

    const [outcome] = await Promise.all([waiting.catch((error: Error) => error.message), clock.advance(3000)]);

    expect(outcome).toContain("the scripted source gave no answer within 3000 ms");
    expect(source.requests[0]?.signal.aborted).toBe(true);
  });

  it("lets one caller give up without the others noticing", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    source.takes(500, clock, credentials("A1", NOON + HOUR));
    const abort = new AbortController();
    const impatient = keeper.provider({ signal: abort.signal }).catch((error: Error) => error.message);
    const patient = keeper.provider();

    abort.abort(new Error("gone"));
    await clock.advance(500);

    expect(await impatient).toBe("gone");
    expect(await patient).toMatchObject({ accessKeyId: "A1" });
  });

  it("uses a first answer that has expired already, and asks again", async () => {
    const { keeper, source, clock } = keeperAtNoon({ lifetimeMs: -MINUTE });

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
    source.offers(credentials("A2", NOON + HOUR));
    await clock.advance(2000);

    expect(keeper.status()).toMatchObject({ accessKeyId: "A2", state: "fresh" });
  });
});

describe("a keeper of fresh credentials", () => {
  it("hands out the same promise each time: no waiting, no allocation", async () => {
    const { keeper } = keeperAtNoon();
    await keeper.provider();

    expect(keeper.provider()).toBe(keeper.provider());
  });

  it("re-reads the source about every five minutes, with one attempt, without anybody asking", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();

    await clock.advance(HOUR);

    expect(source.requests.length - 1).toBe(12);
    expect(source.requests.at(-1)?.attempts).toBe(1);
  });

  it("takes newer credentials the moment they are offered", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();

    source.offers(credentials("A2", NOON + 7 * HOUR));
    await clock.advance(5.5 * MINUTE);

    expect(keeper.status()).toMatchObject({ accessKeyId: "A2", generation: 2 });
  });

  it("does not take credentials that end sooner than those it holds", async () => {
    const { keeper, source, clock, refreshes } = keeperAtNoon();
    await keeper.provider();

    source.offers(credentials("A0", NOON + HOUR));
    await clock.advance(5.5 * MINUTE);

    expect(keeper.status()).toMatchObject({ accessKeyId: "A1", generation: 1 });
    expect(refreshes.at(-1)?.outcome).toBe("staler");
  });

  it("goes on through an outage of the source for as long as they live", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.fails();

    await clock.advance(5 * HOUR - MINUTE);

    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A1" });
    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
  });

  it("leaves a source that costs something alone until the advisory window", async () => {
    const { keeper, source, clock } = keeperAtNoon({ watchable: false });
    await keeper.provider();

    await clock.advance(4.5 * HOUR);
    expect(source.requests).toHaveLength(1);
    await clock.advance(HOUR);

    expect(source.requests.length).toBeGreaterThan(1);
  });

  it("never asks again for credentials that do not expire", async () => {
    const { keeper, source, clock } = keeperAtNoon({ watchable: false });
    source.offers({ accessKeyId: "AKIA", secretAccessKey: "secret" });
    await keeper.provider();

    await clock.advance(1000 * HOUR);

    expect(source.requests).toHaveLength(1);
    expect(keeper.status()).toMatchObject({ state: "fresh", expiresAt: undefined });
  });

  it("asks the source at once when an SDK insists", async () => {
    const { keeper, source } = keeperAtNoon();
    await keeper.provider();
    source.offers(credentials("A2", NOON + 7 * HOUR));

    await expect(keeper.provider({ forceRefresh: true })).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("lets who insists give up", async () => {
    const { keeper, source } = keeperAtNoon();
    await keeper.provider();
    source.answer = () => new Promise(() => {});
    const abort = new AbortController();
    const insisting = keeper.provider({ forceRefresh: true, signal: abort.signal });

    abort.abort(new Error("gone"));

    await expect(insisting).rejects.toThrow("gone");
    keeper.close();
  });
});

describe("a keeper in the advisory window", () => {
  it("refreshes in the background; callers never wait", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    await clock.advance(5 * HOUR - 1000);
    source.takes(9000, clock, credentials("A2", NOON + 12 * HOUR));

    await clock.advance(5000);
    const asked = source.inFlight;
    const identity = await keeper.provider();

    expect(asked).toBe(1);
    expect(keeper.status().state).toBe("advisory");
    expect(identity.accessKeyId).toBe("A1");
  });

  it("asks again every few minutes while the source hands out the same ones", async () => {
    const { keeper, source, clock, refreshes } = keeperAtNoon();
    await keeper.provider();
    await clock.advance(5 * HOUR);
    const before = source.requests.length;

    await clock.advance(30 * MINUTE);

    const asked = source.requests.length - before;
    expect(asked).toBeGreaterThanOrEqual(6);
    expect(asked).toBeLessThanOrEqual(30);
    expect(refreshes.at(-1)).toMatchObject({ trigger: "advisory", outcome: "unchanged" });
  });
});

describe("a keeper at the edge of a window", () => {
  it.each([0.1, 0.123456789, 1 / 3, 0.7])("does not ask without a pause, whatever the jitter (%d)", async (chance) => {
    const { keeper, source, clock } = keeperAtNoon({ random: () => chance });
    await keeper.provider();

    await clock.advance(7 * HOUR);

    expect(source.requests.length).toBeLessThan(200);
  });
});

describe("a keeper in the mandatory window", () => {
  const inMandatoryWindow = async () => {
    const keep = keeperAtNoon({ lifetimeMs: 10 * MINUTE });
    await keep.keeper.provider();
    keep.source.fails();
    await keep.clock.advance(9 * MINUTE + 30_000);
    expect(keep.keeper.status().state).toBe("mandatory");
    return keep;
  };

  /** A caller beside a refresh that is under way: what it got, and how long it waited. */
  const callDuringRefresh = ({ keeper, clock }: Awaited<ReturnType<typeof inMandatoryWindow>>) => {
    void keeper.refresh();
    const startedAt = clock.now();
    return keeper.provider().then(({ accessKeyId }) => ({ accessKeyId, waited: clock.now() - startedAt }));
  };

  it("lets callers wait for the refresh and gives them what it brings", async () => {
    const keep = await inMandatoryWindow();
    keep.source.takes(800, keep.clock, credentials("A2", NOON + HOUR));
    const called = callDuringRefresh(keep);

    await keep.clock.advance(5000);

    expect(await called).toEqual({ accessKeyId: "A2", waited: 800 });
  });

  it("lets them wait at most maxWait, then gives the still-valid identity", async () => {
    const keep = await inMandatoryWindow();
    keep.source.takes(5000, keep.clock, credentials("A2", NOON + HOUR));
    const called = callDuringRefresh(keep);

    await keep.clock.advance(5000);

    expect(await called).toEqual({ accessKeyId: "A1", waited: 1000 });
    expect(keep.keeper.status().accessKeyId).toBe("A2");
  });

  it("does not make callers wait between two attempts", async () => {
    const { keeper } = await inMandatoryWindow();

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
  });

  it("recovers when the refresh fails until one second before the end", async () => {
    const { keeper, source, clock } = await inMandatoryWindow();
    await clock.advance(29_000);
    source.offers(credentials("A2", NOON + HOUR));

    await clock.advance(10_000);

    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A2" });
  });
});

describe("a keeper whose credentials have expired while the source is down", () => {
  const expired = async () => {
    const keep = keeperAtNoon({ lifetimeMs: HOUR });
    await keep.keeper.provider();
    keep.source.fails();
    const warnings: unknown[] = [];
    keep.keeper.on("servingExpired", (warning) => warnings.push(warning));
    await keep.clock.advance(2 * HOUR);
    expect(keep.keeper.status().state).toBe("expired");
    return { ...keep, warnings };
  };

  it("goes on with the last identity and warns, instead of making up an error", async () => {
    const { keeper, warnings } = await expired();

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
    await keeper.provider();

    expect(warnings).toEqual([{ accessKeyId: "A1", expiredForMs: HOUR }]);
  });

  it("asks at least every ten minutes, for ever", async () => {
    const { clock, refreshes } = await expired();

    await clock.advance(24 * HOUR);

    const gaps = refreshes.slice(1).map(({ at }, index) => at - (refreshes[index]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10 * MINUTE);
  });

  it("recovers as soon as the source is asked again", async () => {
    const { keeper, source, clock } = await expired();
    source.offers(credentials("A2", NOON + 9 * HOUR));

    await clock.advance(10 * MINUTE);

    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A2" });
  });
});

describe("a keeper whose credentials a service rejects", () => {
  it("asks the source once for all who were hit, and gives each of them the others", async () => {
    const { keeper, source } = keeperAtNoon();
    await keeper.provider();
    source.offers(credentials("A2", NOON + 6 * HOUR));

    const others = await Promise.all(Array.from({ length: 500 }, () => keeper.reject("A1", "ExpiredToken")));

    expect(new Set(others.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set(["A2"]));
    expect(source.requests).toHaveLength(2);
    expect(source.mostInFlight).toBe(1);
  });

  it("gives the present identity at once to who was hit with an older one", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.offers(credentials("A2", NOON + 7 * HOUR));
    await clock.advance(5.5 * MINUTE);
    const asked = source.requests.length;

    await expect(keeper.reject("A1", "ExpiredToken")).resolves.toMatchObject({ accessKeyId: "A2" });
    expect(source.requests).toHaveLength(asked);
  });

  it("does not take up what was refused before it held anything, until there is nothing else", async () => {
    const { keeper, source, clock } = keeperAtNoon();

    await expect(keeper.reject("A1", "ExpiredToken")).rejects.toThrow("only credentials that a service has refused");
    source.offers(credentials("A2", NOON + 6 * HOUR));
    await clock.advance(1000);

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("takes other credentials even if they end sooner", async () => {
    const { keeper, source } = keeperAtNoon();
    await keeper.provider();
    source.offers(credentials("A2", NOON + HOUR));

    await expect(keeper.reject("A1", "ExpiredToken")).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("does not hand the refused ones to anybody else in the meantime", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.takes(500, clock, credentials("A2", NOON + 6 * HOUR));
    void keeper.reject("A1", "ExpiredToken");
    const another = keeper.provider();

    await clock.advance(500);

    await expect(another).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("lifts the pause after failures", async () => {
    const { keeper, source, clock } = keeperAtNoon({ lifetimeMs: HOUR });
    await keeper.provider();
    source.fails();
    await clock.advance(3 * HOUR);
    source.offers(credentials("A2", NOON + 9 * HOUR));

    await expect(keeper.reject("A1", "ExpiredToken")).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("asks once more behind a request that was under way when the service spoke", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    // Answered with the old ones, as if IMDS had written its answer just before the revocation.
    source.takes(300, clock, credentials("A1", NOON + 6 * HOUR));
    void keeper.refresh();
    const other = keeper.reject("A1", "ExpiredToken");
    source.offers(credentials("A2", NOON + 6 * HOUR));

    await clock.advance(300);

    await expect(other).resolves.toMatchObject({ accessKeyId: "A2" });
  });

  it("tells with the service's error as cause that the source had no others, within the time for a load", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.fails("IMDS is down");
    const cause = new Error("The provided token has expired.");
    const startedAt = clock.now();
    const outcome = keeper.reject("A1", "ExpiredToken", { cause }).catch((error: unknown) => error);

    await clock.advance(11_000);

    expect(await outcome).toBeInstanceOf(CredentialsRejectedError);
    expect(await outcome).toMatchObject({ code: "CREDENTIALS_REJECTED", cause });
    expect(String(await outcome)).toContain("IMDS is down");
    expect(clock.now() - startedAt).toBeLessThanOrEqual(11_000);
  });

  it("takes the refused ones again when the source offers nothing else for longer than maxWait", async () => {
    const { keeper, clock } = keeperAtNoon();
    await keeper.provider();
    const outcome = keeper.reject("A1", "ExpiredToken").catch((error: unknown) => error);

    await clock.advance(5000);

    expect(await outcome).toBeInstanceOf(CredentialsRejectedError);
    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A1" });
  });

  it("gives up refused ones that it took again as soon as others are offered, even if those end sooner", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    keeper.reject("A1", "ExpiredToken").catch(() => {});
    await clock.advance(5000);
    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A1" });
    source.offers(credentials("A2", NOON + 5 * HOUR));

    await clock.advance(6 * MINUTE);

    expect(keeper.status().accessKeyId).toBe("A2");
  });

  it("keeps refused ones that it took again while the others on offer have expired", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    keeper.reject("A1", "ExpiredToken").catch(() => {});
    await clock.advance(5000);
    source.offers(credentials("A2", NOON - HOUR));

    await clock.advance(6 * MINUTE);

    expect(keeper.status().accessKeyId).toBe("A1");
  });

  it("does not hammer a source that has nothing but refused credentials", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    const callers = (async () => {
      // A service that is called all the time and refuses every time.
      for (;;) {
        const { accessKeyId } = await keeper.provider();
        await keeper.reject(accessKeyId, "ExpiredToken").catch(() => {});
        await clock.sleep(10);
      }
    })();
    callers.catch(() => {});

    await clock.advance(10 * MINUTE);
    keeper.close();

    expect(source.requests.length).toBeLessThan(200);
  });

  it("does not crash a process that reports a rejection and does not wait", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.fails();

    void keeper.reject("A1", "ExpiredToken");
    await clock.advance(HOUR);

    expect(keeper.status().state).toBe("rejected");
  });

  it("lets one waiting caller give up without the others noticing", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.takes(500, clock, credentials("A2", NOON + 6 * HOUR));
    const abort = new AbortController();
    const impatient = keeper
      .reject("A1", "ExpiredToken", { signal: abort.signal })
      .catch((error: Error) => error.message);
    const patient = keeper.reject("A1", "ExpiredToken");

    abort.abort(new Error("gone"));
    await clock.advance(500);

    expect(await impatient).toBe("gone");
    expect(await patient).toMatchObject({ accessKeyId: "A2" });
  });
});

describe("a keeper and the wall clock", () => {
  it("is right on the next call after the machine slept past the end", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.offers(credentials("A2", NOON + 20 * HOUR));

    clock.step(10 * HOUR);
    const identity = await keeper.provider();

    expect(identity.accessKeyId).toBe("A2");
  });

  it("goes on watching when the clock is stepped back", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    clock.step(-3 * HOUR);
    const asked = source.requests.length;

    await clock.advance(HOUR);

    expect(source.requests.length - asked).toBe(12);
  });

  it("judges by the source's clock when this host's is wrong", async () => {
    const { keeper, source } = keeperAtNoon({ lifetimeMs: HOUR });
    source.skewMs = 50 * MINUTE;

    await keeper.provider();

    expect(keeper.status()).toMatchObject({ skewMs: 50 * MINUTE, remainingMs: 10 * MINUTE });
  });

  it("learns the skew from services too", async () => {
    const { keeper } = keeperAtNoon();
    await keeper.provider();

    keeper.noteSkew(-7 * MINUTE);

    expect(keeper.status().remainingMs).toBe(6 * HOUR + 7 * MINUTE);
    expect(() => keeper.noteSkew(Number.NaN)).toThrow(InvalidInputError);
  });
});

describe("a keeper whose source goes on handing out the same credentials past their end", () => {
  it("gives them with a warning, asks at least every ten minutes, and takes others at last", async () => {
    const { keeper, source, clock, refreshes } = keeperAtNoon({ lifetimeMs: HOUR });
    await keeper.provider();
    const warnings: unknown[] = [];
    keeper.on("servingExpired", (warning) => warnings.push(warning));
    await clock.advance(3 * HOUR);

    const called = keeper.provider();
    await clock.advance(1000);
    expect(await called).toMatchObject({ accessKeyId: "A1" });
    expect(warnings).toHaveLength(1);
    const gaps = refreshes.slice(1).map(({ at }, index) => at - (refreshes[index]?.at ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10 * MINUTE);
    expect(refreshes.at(-1)).toMatchObject({ trigger: "expired", outcome: "unchanged" });
    source.offers(credentials("A2", NOON + 9 * HOUR));
    await clock.advance(10 * MINUTE);

    expect(keeper.status()).toMatchObject({ state: "fresh", accessKeyId: "A2" });
  });
});

describe("a keeper whose source slips", () => {
  const good = credentials("A2", NOON + 9 * HOUR);
  it.each([
    ["nothing", undefined, "accessKeyId"],
    ["no access key id", { ...good, accessKeyId: "" }, "accessKeyId"],
    ["no secret access key", { ...good, secretAccessKey: undefined }, "secretAccessKey"],
    ["an end that is no instant", { ...good, expiration: new Date("tomorrow") }, "expiration"],
    ["an end that is no Date", { ...good, expiration: "2126-01-01T00:00:00Z" }, "expiration"],
  ])("and gives %s keeps what it holds, and says what was wrong", async (_, slip, field) => {
    const { keeper, source } = keeperAtNoon();
    await keeper.provider();

    source.answer = () => slip as never;
    const error = await keeper.refresh().catch((thrown: Error) => thrown);

    expect(String(error)).toContain(`credentials from the scripted source: ${field} expected`);
    expect(inspect(error, { depth: 9 })).not.toContain("secret of");
    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "A1" });
  });
});

describe("the status of a keeper", () => {
  it("tells all that is known", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    expect(keeper.status()).toMatchObject({ state: "empty", generation: 0, accessKeyId: undefined });
    source.offers({ ...credentials("A1", NOON + 6 * HOUR), roleName: "app", accountId: "123456789012" });
    source.skewMs = 2000;
    await keeper.provider();
    await clock.advance(MINUTE);

    expect(keeper.status()).toEqual({
      state: "fresh",
      source: "the scripted source",
      sourceKind: undefined,
      generation: 1,
      accessKeyId: "A1",
      roleName: "app",
      accountId: "123456789012",
      receivedAt: NOON + 2000,
      expiresAt: NOON + 6 * HOUR,
      remainingMs: 6 * HOUR - MINUTE - 2000,
      advisoryAt: expect.any(Number),
      skewMs: 2000,
      lastRefresh: { at: NOON, trigger: "empty", outcome: "rotated", durationMs: 0 },
    });
  });
});

describe("a keeper and the context of its callers", () => {
  it("refreshes by itself outside of the request that once asked it, which it does not hold on to", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    const context = new AsyncLocalStorage<string>();
    const asked: unknown[] = [];
    source.answer = () => {
      asked.push(context.getStore());
      return credentials("A1", NOON + 6 * HOUR);
    };

    await context.run("the request", () => keeper.provider());
    await context.run("who moves the clock", () => clock.advance(6 * MINUTE));

    expect(asked).toEqual(["the request", undefined]);
  });
});

describe("closing a keeper", () => {
  it("leaves no timer, and refuses what comes later", async () => {
    const { keeper, clock } = keeperAtNoon();
    await keeper.provider();

    keeper.close();
    keeper.close();

    expect(clock.pending).toBe(0);
    await expect(keeper.provider()).rejects.toThrow(ClosedError);
    await expect(keeper.refresh()).rejects.toThrow(ClosedError);
    await expect(keeper.reject("A1", "ExpiredToken")).rejects.toThrow(ClosedError);
  });

  it("ends a load under way and tells those who wait for it", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    source.answer = () => new Promise(() => {});
    const waiting = keeper.provider().catch((error: unknown) => error);

    keeper.close();

    expect(await waiting).toBeInstanceOf(ClosedError);
    expect(source.requests[0]?.signal.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("during a refresh tells those who wait, and takes no answer that comes later", async () => {
    const { keeper, source, clock, refreshes } = keeperAtNoon({ lifetimeMs: MINUTE });
    await keeper.provider();
    const rotated: unknown[] = [];
    keeper.on("rotated", (rotation) => rotated.push(rotation));
    let answer = (_: Credentials) => {};
    source.answer = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const waiting = [keeper.refresh(), keeper.provider(), keeper.provider({ forceRefresh: true })];
    const outcomes = Promise.allSettled(waiting);
    const asked = refreshes.length;

    answer(credentials("A2", NOON + HOUR));
    keeper.close();
    await clock.advance(HOUR);

    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(ClosedError) });
    }
    expect(rotated).toEqual([]);
    expect(refreshes).toHaveLength(asked);
    expect(keeper.status()).toMatchObject({ accessKeyId: "A1", generation: 1 });
    expect(clock.pending).toBe(0);
  });

  it("tells those who wait for other credentials", async () => {
    const { keeper, source, clock } = keeperAtNoon();
    await keeper.provider();
    source.fails();
    const waiting = keeper.reject("A1", "ExpiredToken").catch((error: unknown) => error);
    await clock.advance(100);

    keeper.close();

    expect(await waiting).toBeInstanceOf(ClosedError);
    expect(clock.pending).toBe(0);
  });

  it("leaves a source that was handed in open", async () => {
    const { keeper, source } = keeperAtNoon();

    keeper.close();

    expect(source.closed).toBe(false);
  });
});

describe("a keeper's options", () => {
  it.each([
    [{ maxWaitMs: -1 }, /maxWaitMs is -1/],
    [{ loadTimeoutMs: Number.NaN }, /loadTimeoutMs/],
    [{ source: {} }, /source must be a credential source/],
    [{ sorce: 1 }, /sorce/],
  ])("refuse %j", (options, message) => {
    expect(() => createKeeper(options as never)).toThrow(InvalidInputError);
    expect(() => createKeeper(options as never)).toThrow(message);
  });
});
