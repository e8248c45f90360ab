import { setTimeout as delay } from "node:timers/promises";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { ClosedError, seededRandom, VirtualClock } from "@evertoken/core";
import { ClientCreationError, type ClientPoolOptions, createClientPool, PoolOverloadedError } from "@evertoken/pool";
import { describe, expect, it, onTestFinished } from "vitest";
import { everNewKeeper } from "./service.js";

/** A pool of real clients that nothing is sent through: leases last until a test ends them. */
function leasedPool(options: Partial<ClientPoolOptions<S3Client>> = {}) {
  const clock = new VirtualClock();
  const ids = new Map<S3Client, number>();
  const pool = createClientPool({
    size: 3,
    keeper: everNewKeeper(),
    clock,
    random: seededRandom(1),
    create: ({ credentials }) => {
      const client = new S3Client({ region: "us-east-1", credentials });
      ids.set(client, ids.size);
      return client;
    },
    ...options,
  });
  onTestFinished(async () => {
    const closing = pool.close({ drainMs: 1 });
    await clock.advance(1);
    await closing;
  });
  /** Takes a client; `used` is its number in the order of creation, `end` gives it back. */
  const take = (abortSignal?: AbortSignal) => {
    const ended = withResolvers<void>();
    const began = withResolvers<number>();
    const lease = pool.lease(
      (client) => {
        began.resolve(ids.get(client) ?? -1);
        return ended.promise;
      },
      { abortSignal },
    );
    lease.catch(began.reject);
    began.promise.catch(() => {});
    return { used: began.promise, end: () => ended.resolve(), lease };
  };
  return { pool, clock, take };
}

/** `Promise.withResolvers`, which Node.js 20 lacks. */
function withResolvers<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

const settle = () => delay(0);

describe("the choice of a client", () => {
  it("creates one when those there are busy, and no more than the size", async () => {
    const { pool, take } = leasedPool({ size: 3 });
    expect(pool.stats().members).toHaveLength(0);

    const leases = Array.from({ length: 5 }, () => take());
    await Promise.all(leases.map(({ used }) => used));

    expect(pool.stats().members).toHaveLength(3);
    expect(pool.stats().inFlight).toBe(5);
    for (const { end } of leases) end();
  });

  it("uses an idle client before it creates another", async () => {
    const { pool, take } = leasedPool();
    for (let request = 0; request < 10; request++) {
      const { used, end, lease } = take();
      expect(await used).toBe(0);
      end();
      await lease;
    }

    expect(pool.stats()).toMatchObject({ created: 1, sent: 10 });
  });

  it("finds the idle one among many busy ones before it creates another", async () => {
    const { pool, take } = leasedPool({ size: 20 });
    const leases = Array.from({ length: 10 }, () => take());
    await Promise.all(leases.map(({ used }) => used));

    for (const { end, lease, used } of leases) {
      end();
      await lease;
      const next = take();
      leases.push(next);
      expect(await next.used).toBe(await used);
      if (leases.length === 20) break;
    }

    expect(pool.stats().created).toBe(10);
    for (const { end } of leases) end();
  });

  it("keeps the clients nearly evenly busy by looking at two of them", async () => {
    const { pool, take } = leasedPool({ size: 10 });

    const leases = Array.from({ length: 1000 }, () => take());
    await Promise.all(leases.map(({ used }) => used));

    const busy = pool.stats().members.map(({ inFlight }) => inFlight);
    expect(Math.max(...busy) - Math.min(...busy)).toBeLessThan(10);
    for (const { end } of leases) end();
  });

  it("may go round, so that each has as many", async () => {
    const { take } = leasedPool({ choice: "round-robin" });

    const leases = Array.from({ length: 6 }, () => take());

    const used = await Promise.all(leases.map((lease) => lease.used));
    expect(used.sort()).toEqual([0, 0, 1, 1, 2, 2]);
    for (const { end } of leases) end();
  });

  it("may be a function of the caller's", async () => {
    const busiest = { choice: (members: readonly { id: number; inFlight: number }[]) => members.at(-1) as never };
    const { take } = leasedPool(busiest);

    const leases = Array.from({ length: 5 }, () => take());

    expect(await Promise.all(leases.map(({ used }) => used))).toEqual([0, 1, 2, 2, 2]);
    for (const { end } of leases) end();
  });

  it("says so when that function returns what is not a candidate", async () => {
    const { take } = leasedPool({ choice: () => ({ id: 7, inFlight: 0 }) });
    await expect(take().used).resolves.toBe(0);

    await expect(take().used).rejects.toThrow("not one of the candidates");
  });
});

describe("the bounds of a pool", () => {
  it("let a request wait until a client has room, first come, first served", async () => {
    const { pool, take } = leasedPool({ size: 1, maxInFlight: 1 });
    const first = take();
    const [second, third] = [take(), take()];
    const order: string[] = [];
    void second.used.then(() => order.push("second"));
    void third.used.then(() => order.push("third"));
    await settle();
    expect(pool.stats()).toMatchObject({ inFlight: 1, queued: 2 });

    first.end();
    await second.used;
    expect(order).toEqual(["second"]);
    second.end();
    await third.used;

    expect(pool.stats()).toMatchObject({ inFlight: 1, queued: 0 });
    third.end();
  });

  it("do not let a newcomer overtake those who wait", async () => {
    const { take } = leasedPool({ size: 1, maxInFlight: 1 });
    const first = take();
    const waiting = take();
    await settle();
    const order: string[] = [];
    void waiting.used.then(() => order.push("waiting"));

    first.end();
    await first.lease;
    const newcomer = take();
    void newcomer.used.then(() => order.push("newcomer"));
    await waiting.used;
    waiting.end();
    await newcomer.used;

    expect(order).toEqual(["waiting", "newcomer"]);
    newcomer.end();
  });

  it("refuse at once when too many wait", async () => {
    const { pool, take } = leasedPool({ size: 2, maxInFlight: 1, maxQueue: 1 });
    const busy = [take(), take(), take()];
    await settle();

    await expect(take().used).rejects.toMatchObject({
      code: "POOL_QUEUE_FULL",
      message: expect.stringContaining("maxQueue"),
    });

    expect(pool.stats()).toMatchObject({ inFlight: 2, queued: 1, sent: 2, failed: 0 });
    for (const { end } of busy) end();
  });

  it("let nobody wait longer than the deadline", async () => {
    const { pool, clock, take } = leasedPool({ size: 1, maxInFlight: 1, queueTimeoutMs: 2000 });
    const busy = take();
    const waiting = take();
    await settle();

    await clock.advance(2000);

    await expect(waiting.used).rejects.toThrow(PoolOverloadedError);
    await expect(waiting.used).rejects.toMatchObject({ code: "POOL_QUEUE_TIMEOUT" });
    expect(pool.stats().queued).toBe(0);
    busy.end();
  });

  it("let go of a caller who gives up while waiting, and of nobody else", async () => {
    const { pool, take } = leasedPool({ size: 1, maxInFlight: 1 });
    const busy = take();
    const abort = new AbortController();
    const [leaving, staying] = [take(abort.signal), take()];
    await settle();

    abort.abort(new Error("gone"));

    await expect(leaving.used).rejects.toThrow("gone");
    expect(pool.stats().queued).toBe(1);
    busy.end();
    await staying.used;
    staying.end();
  });

  it("are never reached by a caller who has given up before", async () => {
    const { pool } = leasedPool();

    await expect(
      pool.send(new ListBucketsCommand(), { abortSignal: AbortSignal.abort(new Error("gone")) }),
    ).rejects.toThrow("gone");

    expect(pool.stats()).toMatchObject({ created: 0, sent: 0 });
  });
});

describe("a pool that is closed while requests wait", () => {
  it("serves them as long as it drains", async () => {
    const { pool, take } = leasedPool({ size: 1, maxInFlight: 1 });
    const [first, second] = [take(), take()];
    await settle();

    const closing = pool.close();
    first.end();
    await second.used;
    second.end();
    await closing;

    await expect(second.lease).resolves.toBeUndefined();
  });

  it("sends them away at the end of that", async () => {
    const { pool, clock, take } = leasedPool({ size: 1, maxInFlight: 1 });
    take();
    const waiting = take();
    await settle();

    const closing = pool.close({ drainMs: 100 });
    await clock.advance(100);
    await closing;

    await expect(waiting.used).rejects.toThrow(ClosedError);
  });
});

describe("a client that cannot be created", () => {
  /** A pool whose `create` fails while `broken.now`. */
  const brokenPool = (options: Partial<ClientPoolOptions<S3Client>> = {}) => {
    const broken = { now: true, asked: 0 };
    const made = leasedPool({
      create: ({ credentials }) => {
        broken.asked += 1;
        if (broken.now) throw new Error("no such certificate");
        return new S3Client({ region: "us-east-1", credentials });
      },
      ...options,
    });
    return { broken, ...made };
  };

  it("is reported to the caller, with what was thrown", async () => {
    const { take } = brokenPool();

    const error = await take().used.catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ClientCreationError);
    expect(error).toMatchObject({ code: "CLIENT_CREATION_FAILED", cause: { message: "no such certificate" } });
    expect(String(error)).toContain("no such certificate");
  });

  it("is not tried again before a pause, however many ask", async () => {
    const { broken, clock, take } = brokenPool();
    for (let request = 0; request < 100; request++) await take().used.catch(() => {});
    expect(broken.asked).toBe(1);

    await clock.advance(100);
    for (let request = 0; request < 100; request++) await take().used.catch(() => {});

    expect(broken.asked).toBe(2);
  });

  it("is created for a later request when it can be", async () => {
    const { broken, clock, take } = brokenPool();
    await take().used.catch(() => {});
    broken.now = false;

    await clock.advance(100);
    const { used, end } = take();

    await expect(used).resolves.toBeDefined();
    end();
  });

  it("is no matter while there are others", async () => {
    const { broken, pool, take } = brokenPool();
    broken.now = false;
    const first = take();
    await first.used;
    broken.now = true;

    const second = take();
    await second.used;

    expect(pool.stats().members).toMatchObject([{ inFlight: 2 }]);
    first.end();
    second.end();
  });

  it("is anything that is no client", async () => {
    const { take } = brokenPool({ create: () => ({}) as never });

    await expect(take().used).rejects.toThrow("create() returned no AWS SDK client");
  });
});
