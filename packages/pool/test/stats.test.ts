import { setTimeout as delay } from "node:timers/promises";
import { DeleteObjectCommand, ListBucketsCommand, type S3Client } from "@aws-sdk/client-s3";
import { systemClock, VirtualClock } from "@evertoken/core";
import type { ClientPool, LatencyStats, PoolEvents, PoolRequest } from "@evertoken/pool";
import { describe, expect, it } from "vitest";
import { everNewKeeper, ok, poolAt, says, serviceThatSays } from "./service.js";

const remove = () => new DeleteObjectCommand({ Bucket: "reports", Key: "key" });

/** How many took more than `fromMs` and at most `toMs`. */
function between({ buckets }: LatencyStats, fromMs: number, toMs: number): number {
  const upTo = (ms: number) => buckets.find(({ leMs }) => leMs === ms)?.count ?? 0;
  return upTo(toMs) - upTo(fromMs);
}

describe("the figures of a pool", () => {
  it("are those of its members, in all", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), ok, says(404, "NoSuchBucket"), ok);
    const pool = poolAt(service.url, everNewKeeper(), { size: 2, choice: "round-robin", idleTimeoutMs: 60_000 });

    await pool.send(remove());
    await pool.send(remove()).catch(() => {});
    const underWay = [1, 2].map(() => pool.lease(() => delay(20)));

    const { members, latency, ...inAll } = pool.stats();
    expect(inAll).toMatchObject({
      size: 2,
      created: 2,
      leaving: 0,
      retired: 0,
      ejected: 0,
      inFlight: 2,
      queued: 0,
      sent: 4,
      failed: 1,
      replayed: 1,
      surfaced: 0,
    });
    expect(latency.count).toBe(2);
    expect(members).toMatchObject([
      { id: 0, inFlight: 1, sent: 3, failed: 1, replayed: 1, surfaced: 0, ejected: 0, latency: { count: 2 } },
      { id: 1, inFlight: 1, sent: 1, failed: 0, replayed: 0, surfaced: 0, ejected: 0, latency: { count: 0 } },
    ]);
    await Promise.all(underWay);
  });

  it("say how long requests took, in cumulative buckets, the wait for a client included", async () => {
    const network = new VirtualClock();
    const clock = { ...systemClock, network };
    const pool = poolAt("http://127.0.0.1:1", everNewKeeper(), { maxInFlight: 1, clock });

    // One after the other: 60 ms, and 60 ms of waiting with another 60 ms.
    await Promise.all([1, 2].map(() => pool.lease(() => network.advance(60))));

    const { latency } = pool.stats();
    expect(between(latency, 50, 100)).toBe(1);
    expect(between(latency, 100, 250)).toBe(1);
    expect(latency.buckets.at(-1)).toEqual({ leMs: Number.POSITIVE_INFINITY, count: 2 });
    expect(latency.sumMs).toBeCloseTo(180);
  });

  it("do not change once they are given", async () => {
    const pool = poolAt("http://127.0.0.1:1", everNewKeeper());
    const before = pool.stats();

    await pool.lease(() => {});

    expect(before.sent).toBe(0);
    expect(Object.isFrozen(before)).toBe(true);
  });
});

describe("the events of a pool", () => {
  /** What the pool tells, in its order. */
  const told = <E extends keyof PoolEvents>(pool: Pick<ClientPool<never>, "on">, ...events: E[]) => {
    const heard: [E, PoolEvents[E]][] = [];
    for (const event of events) pool.on(event, (carried) => heard.push([event, carried]));
    return heard;
  };

  it("tell of each client that comes, and of what is replayed and surfaced, with the client's id", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), ok, says(400, "ExpiredToken"));
    const pool = poolAt(service.url, everNewKeeper());
    const heard = told(pool, "created", "replayed", "surfaced");

    await pool.send(remove());
    await pool.send(new ListBucketsCommand()).catch(() => {});

    expect(heard).toEqual([
      ["created", { member: 0 }],
      [
        "replayed",
        { member: 0, service: "S3", accessKeyId: "A1", reason: "ExpiredToken", command: "DeleteObjectCommand" },
      ],
      [
        "replayed",
        { member: 0, service: "S3", accessKeyId: "A2", reason: "ExpiredToken", command: "ListBucketsCommand" },
      ],
      [
        "surfaced",
        expect.objectContaining({ member: 0, service: "S3", error: expect.objectContaining({ name: "ExpiredToken" }) }),
      ],
    ]);
  });

  it("end when nobody wants to hear them any more", async () => {
    const pool = poolAt("http://127.0.0.1:1", everNewKeeper());
    let created = 0;
    const stop = pool.on("created", () => {
      created += 1;
    });

    stop();
    await pool.lease(() => {});

    expect(created).toBe(0);
  });
});

describe("a request of a pool that somebody listens to", () => {
  const told = (pool: ClientPool<S3Client>) => {
    const requests: PoolRequest[] = [];
    pool.on("request", (request) => requests.push(request));
    return requests;
  };

  it("is told of at its end, with its service and operation", async () => {
    const service = await serviceThatSays(ok, says(404, "NoSuchBucket"));
    const pool = poolAt(service.url, everNewKeeper());
    const requests = told(pool);

    await pool.send(remove());
    const error = await pool.send(new ListBucketsCommand()).catch((thrown: unknown) => thrown);
    await pool.lease(() => {});

    expect(requests).toEqual([
      {
        service: "S3",
        operation: "DeleteObject",
        lane: expect.any(String),
        durationMs: expect.any(Number),
        error: undefined,
      },
      { service: "S3", operation: "ListBuckets", lane: "sdk", durationMs: expect.any(Number), error },
    ]);
  });

  it("has no service when none of the clients took it", async () => {
    const create = () => {
      throw new Error("misconfigured");
    };
    const pool = poolAt("http://127.0.0.1:1", everNewKeeper(), { create });
    const requests = told(pool);

    await pool.send(remove()).catch(() => {});

    expect(requests).toMatchObject([{ service: undefined, error: { code: "CLIENT_CREATION_FAILED" } }]);
  });
});

it("a pool shows the Keeper it is on", () => {
  const keeper = everNewKeeper();
  expect(poolAt("http://127.0.0.1:1", keeper).keeper).toBe(keeper);
});
