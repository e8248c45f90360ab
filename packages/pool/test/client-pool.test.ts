import { setTimeout as delay } from "node:timers/promises";
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError } from "@evertoken/core";
import { createClientPool } from "@evertoken/pool";
import { describe, expect, expectTypeOf, it } from "vitest";
import { everNewKeeper, poolAt, serviceThatSays, simulatedPool } from "./service.js";

const list = () => new ListBucketsCommand();

describe("a pool", () => {
  it("sends a command as a client would, with its types", async () => {
    const { pool } = await simulatedPool();
    await pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));

    const answer = await pool.send(new GetObjectCommand({ Bucket: "reports", Key: "key" }));

    expectTypeOf(answer.ContentLength).toEqualTypeOf<number | undefined>();
    expect(await answer.Body?.transformToString()).toBe("content");
  });

  it("lends one client for work of several requests", async () => {
    const { pool } = await simulatedPool();

    const buckets = await pool.lease(async (client) => {
      await client.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));
      return (await client.send(list())).Buckets;
    });

    expect(buckets).toHaveLength(1);
    expect(pool.stats()).toMatchObject({ sent: 1, inFlight: 0 });
  });

  it("counts what fails, and hands the error on as it is", async () => {
    const { pool } = await simulatedPool();
    const error = new Error("mine");

    await expect(pool.lease(() => Promise.reject(error))).rejects.toBe(error);

    expect(pool.stats()).toMatchObject({ sent: 1, failed: 1, inFlight: 0 });
  });

  it("learns from the service's answers how far this host's clock is off", async () => {
    const service = await serviceThatSays((_, outgoing) => {
      outgoing.setHeader("date", new Date(Date.now() + 600_000).toUTCString());
      outgoing.end("<ListAllMyBucketsResult/>");
    });
    const keeper = everNewKeeper();

    await poolAt(service.url, keeper).send(list());

    expect(keeper.status().skewMs).toBeGreaterThan(590_000);
    expect(keeper.status().skewMs).toBeLessThan(610_000);
  });
});

describe("closing a pool", () => {
  it("lets requests under way finish and refuses new ones", async () => {
    const service = await serviceThatSays((_, outgoing) =>
      setTimeout(() => outgoing.end("<ListAllMyBucketsResult/>"), 50),
    );
    const pool = poolAt(service.url, everNewKeeper());
    const underWay = pool.send(list());

    const closing = pool.close({ drainMs: 10_000 });

    await expect(pool.send(list())).rejects.toThrow(ClosedError);
    await closing;
    await expect(underWay).resolves.toBeTruthy();
    expect(pool.stats().inFlight).toBe(0);
  });

  it("cuts off what takes longer than it may", async () => {
    const service = await serviceThatSays(() => {});
    const pool = poolAt(service.url, everNewKeeper());
    const underWay = pool.send(list()).catch((error: Error) => error);
    while (service.signedWith.length === 0) await delay(1);

    await pool.close({ drainMs: 20 });

    expect(await underWay).toBeInstanceOf(Error);
  });

  it("may be done twice, and by leaving a block", async () => {
    const { keeper } = await simulatedPool();
    let closed = 0;
    const options = { size: 1, keeper, create: () => new S3Client({ region: "us-east-1" }) };
    {
      await using pool = createClientPool({
        ...options,
        afterClose: () => {
          closed += 1;
        },
      });
      await pool.close();
    }

    expect(closed).toBe(1);
  });

  it.each([-1, Number.NaN, "10s"])("is not done for a time that is none (%s)", async (drainMs) => {
    const { pool } = await simulatedPool();

    await expect(pool.close({ drainMs } as never)).rejects.toThrow(InvalidInputError);

    await expect(pool.lease(() => "open")).resolves.toBe("open");
  });

  it("leaves the Keeper open", async () => {
    const { keeper, pool } = await simulatedPool();

    await pool.close();

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: expect.stringMatching(/^ASIA/) });
  });
});

describe("the options of a pool", () => {
  const good = { size: 1, create: () => new S3Client(), keeper: { provider: () => {}, reject: () => {} } };
  it.each([
    [{ ...good, size: 0 }, "size is 0"],
    [{ ...good, size: 1.5 }, "size is 1.5"],
    [{ ...good, create: new S3Client() }, "create must be a function"],
    [{ ...good, keeper: {} }, "keeper must be a Keeper"],
    [{ ...good, send: "fast" }, "send must be a function that sends a command"],
    [{ ...good, maxSize: 5 }, "maxSize"],
    [{ ...good, choice: "random" }, 'choice must be "power-of-two-choices", "round-robin" or a function'],
    [{ ...good, maxInFlight: 0 }, "maxInFlight is 0: expected a whole number, 1 or more"],
    [{ ...good, maxQueue: -1 }, "maxQueue is -1"],
    [{ ...good, queueTimeoutMs: 0 }, "queueTimeoutMs is 0: expected milliseconds, 1 or more"],
    [{ ...good, maxLifetimeMs: Number.NaN }, "maxLifetimeMs"],
    [{ ...good, idleTimeoutMs: "10s" }, "idleTimeoutMs must be a number of milliseconds"],
    [{ ...good, replayBufferBytes: 0.5 }, "replayBufferBytes is 0.5"],
    [{ ...good, ejection: true }, "ejection must be false or an object"],
    [{ ...good, ejection: { maxEjectionPercent: 101 } }, "ejection.maxEjectionPercent is 101"],
  ])("are refused when they are wrong (%#)", (options, says) => {
    expect(() => createClientPool(options as never)).toThrow(InvalidInputError);
    expect(() => createClientPool(options as never)).toThrow(says);
  });
});
