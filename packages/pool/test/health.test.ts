import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { type ClientPoolOptions, createClientPool, type PoolEvents } from "@evertoken/pool";
import { describe, expect, it, onTestFinished } from "vitest";
import { DEFAULT_EJECTION, outcomeOf, successRateOutliers } from "../src/outlier.js";
import { everNewKeeper, ok, poolAt, s3At, serviceThatSays } from "./service.js";

/** An address at which nobody listens any more. */
async function urlOfNobody(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

const failure = (httpStatusCode: number, name = "InternalError") =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode } });

/** A pool of real clients whose requests end as a test says; round robin, so that it says which one gets the next. */
async function healthPool({ size = 4, ...options }: Partial<ClientPoolOptions<S3Client>> = {}) {
  const clock = new VirtualClock();
  const destroyed: S3Client[] = [];
  const pool = createClientPool({
    size,
    keeper: everNewKeeper(),
    clock,
    random: () => 0.5,
    choice: "round-robin",
    create: ({ credentials }) => {
      const client = new S3Client({ region: "us-east-1", credentials });
      const destroy = client.destroy.bind(client);
      client.destroy = () => {
        destroyed.push(client);
        destroy();
      };
      return client;
    },
    ...options,
  });
  const told: { retired: PoolEvents["retired"][]; ejected: PoolEvents["ejected"][] } = { retired: [], ejected: [] };
  pool.on("retired", (retired) => told.retired.push(retired));
  pool.on("ejected", (ejected) => told.ejected.push(ejected));
  const clients: S3Client[] = [];
  await Promise.all(
    Array.from({ length: size }, () =>
      pool.lease(async (client) => {
        clients.push(client);
        await new Promise((resolve) => setImmediate(resolve));
      }),
    ),
  );
  onTestFinished(async () => {
    const closing = pool.close({ drainMs: 1 });
    await clock.advance(1);
    await closing;
  });
  /** `rounds` rounds in which each client has one request; those of `bad` fail. Returns who was used. */
  const rounds = async (count: number, bad: readonly S3Client[] = [], error: unknown = failure(500)) => {
    const used = new Set<S3Client>();
    for (let request = 0; request < count * size; request++) {
      await pool
        .lease((client) => {
          used.add(client);
          if (bad.includes(client)) throw error;
        })
        .catch(() => {});
    }
    return used;
  };
  return { pool, clock, clients, destroyed, told, rounds };
}

describe("a client that fails where the others do not", () => {
  it("gets no requests for a while after five failures in a row", async () => {
    const { pool, clients, told, rounds } = await healthPool();
    const [bad] = clients as [S3Client];

    await rounds(6, [bad]);

    expect(told.ejected).toEqual([{ member: 0, reason: "consecutive-failures", forMs: 30_000 }]);
    expect(await rounds(5)).not.toContain(bad);
    expect(pool.stats().ejected).toBe(1);
    expect(pool.stats().members[0]).toMatchObject({ ejected: 1, failed: 5, isEjected: true });
  });

  it("gets requests again when that time is over", async () => {
    const { pool, clock, clients, rounds } = await healthPool();
    const [bad] = clients as [S3Client];
    await rounds(6, [bad]);

    await clock.advance(30_000);

    expect(pool.stats().members[0]).toMatchObject({ isEjected: false });
    expect(await rounds(1)).toContain(bad);
  });

  it("is left out for longer each time, up to a limit", async () => {
    const { clock, clients, told, rounds } = await healthPool({ ejection: { maxEjectionMs: 80_000 } });
    const [bad] = clients as [S3Client];

    for (let time = 0; time < 4; time++) {
      await rounds(6, [bad]);
      await clock.advance(90_000);
    }

    expect(told.ejected.map(({ forMs }) => forMs)).toEqual([30_000, 60_000, 80_000, 80_000]);
  });

  it("is left out for a time that differs a little from one to the next", async () => {
    const times = await Promise.all(
      [0, 0.999].map(async (chance) => {
        const { clients, told, rounds } = await healthPool({ random: () => chance });
        await rounds(6, clients.slice(0, 1));
        return told.ejected[0]?.forMs;
      }),
    );

    expect(times[0]).toBeCloseTo(27_000);
    expect(times[1]).toBeGreaterThan(32_900);
  });

  it("is found by its success rate as well, when it fails now and then", async () => {
    const { clock, clients, told, rounds } = await healthPool({ size: 10 });
    const [bad] = clients as [S3Client];
    for (let round = 0; round < 40; round++) {
      await rounds(2);
      await rounds(1, [bad]);
    }

    await clock.advance(10_000);
    await rounds(1);

    expect(told.ejected).toEqual([{ member: 0, reason: "success-rate", forMs: 30_000 }]);
  });

  it("stays when too many are out already", async () => {
    const { clients, told, rounds } = await healthPool({ size: 20 });

    await rounds(6, clients.slice(0, 5));

    expect(told.ejected).toHaveLength(2);
  });

  it("is one whose connections break, on real sockets", async () => {
    const service = await serviceThatSays(ok);
    const urls = [await urlOfNobody(), service.url];
    const pool = poolAt(service.url, everNewKeeper(), {
      size: 2,
      choice: "round-robin",
      create: ({ credentials }) => s3At(urls.shift() ?? service.url, { credentials, maxAttempts: 1 }),
    });
    await Promise.all([1, 2].map(() => pool.lease(() => new Promise((resolve) => setImmediate(resolve)))));
    const send = () => pool.send(new ListBucketsCommand()).catch(() => {});

    for (let request = 0; request < 30; request++) await send();

    expect(pool.stats()).toMatchObject({ ejected: 1, failed: 5 });
    expect(pool.stats().members[0]).toMatchObject({ id: 0, failed: 5, ejected: 1 });
  });

  it("stays when it is the last", async () => {
    const { told, rounds, clients } = await healthPool({ size: 1 });

    await rounds(20, clients);

    expect(told.ejected).toEqual([]);
  });

  it("stays when the pool is told so", async () => {
    const { told, rounds, clients } = await healthPool({ ejection: false });

    await rounds(20, clients.slice(0, 1));

    expect(told.ejected).toEqual([]);
  });
});

describe("the end of a request", () => {
  it.each([
    ["a 500", failure(500), "bad"],
    ["a 503 SlowDown", failure(503, "SlowDown"), "bad"],
    ["a time-out", Object.assign(new Error("slow"), { name: "TimeoutError" }), "bad"],
    [
      "a connection that broke",
      Object.assign(new Error("reset"), { code: "ECONNRESET", $metadata: { attempts: 3 } }),
      "bad",
    ],
    ["a connection of undici that broke", Object.assign(new Error("closed"), { code: "UND_ERR_SOCKET" }), "bad"],
    ["a caller's own 404", failure(404, "NoSuchKey"), "good"],
    ["a caller's own 400", failure(400, "InvalidRequest"), "good"],
    ["a caller who gives up", Object.assign(new Error("gone"), { name: "AbortError" }), "neither"],
    ["an error of the caller's own code", new TypeError("undefined is not a function"), "neither"],
  ])("with %s counts for the client's health as it should", (_, error, outcome) => {
    expect(outcomeOf(error)).toBe(outcome);
  });

  it.each([
    ["too few members", 4, 100, []],
    ["too few requests", 6, 99, []],
    ["enough of both", 6, 100, [0]],
  ])("is compared by success rates with %s as A50 says", (_, members, requests, outliers) => {
    const crew = Array.from({ length: members }, (_, id) => ({
      id,
      recent: id === 0 ? { good: requests / 2, bad: requests / 2 } : { good: requests, bad: 0 },
    }));

    expect(successRateOutliers(crew, DEFAULT_EJECTION).map(({ id }) => id)).toEqual(outliers);
  });
});

describe("the life of a client", () => {
  it("ends when it is an hour old, less up to a tenth; another one takes its place", async () => {
    const { pool, clock, clients, destroyed, told, rounds } = await healthPool({ idleTimeoutMs: 7_200_000 });
    await clock.advance(0.94 * 3_600_000);
    await rounds(1);
    expect(destroyed).toEqual([]);

    await clock.advance(0.02 * 3_600_000);
    const used = await rounds(1);

    expect(destroyed).toEqual(clients);
    expect([...used].filter((client) => clients.includes(client))).toEqual([]);
    expect(told.retired[0]).toEqual({ member: 0, reason: "lifetime" });
    expect(pool.stats()).toMatchObject({ retired: 4 });
  });

  it("ends when nobody has used it for ten minutes", async () => {
    const { pool, clock, clients, destroyed, told } = await healthPool();

    await clock.advance(640_000);

    expect(destroyed).toEqual(clients);
    expect(told.retired.map(({ reason }) => reason)).toEqual(Array(4).fill("idle"));
    expect(pool.stats().members).toEqual([]);
  });

  it("does not end while it is used: it gets no more requests, and is destroyed after the last one", async () => {
    const { pool, clock, destroyed } = await healthPool({ size: 1 });
    let end = () => {};
    const lease = pool.lease(() => new Promise<void>((resolve) => (end = resolve)));

    await clock.advance(3_700_000);
    expect(pool.stats()).toMatchObject({ members: [], leaving: 1 });
    expect(destroyed).toEqual([]);
    end();
    await lease;

    expect(destroyed).toHaveLength(1);
    expect(pool.stats().leaving).toBe(0);
  });

  it("leaves no timer behind when all are gone", async () => {
    const { clock } = await healthPool();

    await clock.advance(640_000);

    expect(clock.pending).toBe(0);
  });
});
