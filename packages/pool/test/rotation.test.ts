import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { DeleteObjectCommand, ListBucketsCommand, type S3Client } from "@aws-sdk/client-s3";
import { seededRandom } from "@evertoken/core";
import { createKeeper } from "@evertoken/credentials";
import { describe, expect, it, onTestFinished } from "vitest";
import { everNewKeeper, ok, poolAt, s3At, says, serviceThatSays } from "./service.js";

const IN_FLIGHT = 500;
const STORMS = 100;

interface Held {
  readonly signedWith: string;
  readonly outgoing: ServerResponse;
}

/** A service that holds the requests of a storm until all are there, and then refuses them, each at a moment of its own. */
async function stormyService(random: () => number) {
  const revoked = new Set<string>();
  let storm: { held: Held[]; allThere: () => void } | undefined;
  const answer = ({ signedWith, outgoing }: Held) => {
    if (revoked.has(signedWith)) says(400, "ExpiredToken")(outgoing.req, outgoing);
    else outgoing.writeHead(204).end();
  };
  const server = createServer((incoming, outgoing) => {
    const signedWith = /Credential=([^/]+)/.exec(incoming.headers.authorization ?? "")?.[1] ?? "nobody";
    incoming.resume();
    if (storm === undefined) return answer({ signedWith, outgoing });
    storm.held.push({ signedWith, outgoing });
    if (storm.held.length === IN_FLIGHT) storm.allThere();
  });
  // A busy host may leave a connection idle for longer than Node's five seconds, and a request that is sent on it in the moment of
  // its end would be lost: then not all would ever be there.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Resolves when all requests of the storm are on their way. */
    allThere: () =>
      new Promise<void>((resolve) => {
        storm = { held: [], allThere: resolve };
      }),
    /** Refuses them over the next 20 ms; their replays are answered as they come. */
    revoke: async (accessKeyId: string) => {
      revoked.add(accessKeyId);
      const held = storm?.held ?? [];
      storm = undefined;
      await Promise.all(held.map((request) => delay(random() * 20).then(() => answer(request))));
    },
  };
}

describe("credentials that are revoked under five hundred requests", () => {
  it("cause one refresh and five hundred replays, and no caller sees it, a hundred times over", async () => {
    const seed = Number(process.env.EVERTOKEN_STORM_SEED ?? Math.trunc(performance.now() * 1000));
    const random = seededRandom(seed);
    const service = await stormyService(random);
    let asked = 0;
    const keeper = createKeeper({
      source: {
        name: "a source that takes its time",
        watchable: false,
        load: async () => {
          asked += 1;
          const accessKeyId = `A${asked}`;
          await delay(random() * 20);
          const expiration = new Date(Date.now() + 3_600_000);
          return { credentials: { accessKeyId, secretAccessKey: "secret", sessionToken: "token", expiration } };
        },
      },
    });
    onTestFinished(() => keeper.close());
    const pool = poolAt(service.url, keeper, { size: 20 });
    await keeper.provider();

    for (let storm = 1; storm <= STORMS; storm++) {
      const { accessKeyId } = await keeper.provider();
      const allThere = service.allThere();
      const requests = Array.from({ length: IN_FLIGHT }, (_, key) =>
        pool.send(new DeleteObjectCommand({ Bucket: "reports", Key: `key-${key}` })),
      );
      await allThere;
      await delay(random() * 5);
      await service.revoke(accessKeyId);
      await Promise.all(requests);

      expect({ seed, asked, ...pool.stats(), latency: undefined, members: undefined }).toMatchObject({
        asked: 1 + storm,
        sent: storm * IN_FLIGHT,
        replayed: storm * IN_FLIGHT,
        failed: 0,
        surfaced: 0,
      });
    }
  }, 240_000);
});

/** What happened to others: https://github.com/brettwooldridge/HikariCP/issues/1836 */
describe("a member of a pool", () => {
  it("that is created during a rotation signs with the new credentials", async () => {
    const service = await serviceThatSays(ok);
    const keeper = everNewKeeper();
    await keeper.provider();
    const pool = poolAt(service.url, keeper, {
      create: ({ credentials }) => {
        void keeper.refresh();
        return s3At(service.url, { credentials });
      },
    });
    await pool.lease(() => delay(5));

    await pool.send(new DeleteObjectCommand({ Bucket: "reports", Key: "key" }));

    expect(service.signedWith).toEqual(["A2"]);
  });

  it("that is busy during a rotation signs its next request with the new credentials", async () => {
    const service = await serviceThatSays(ok);
    const keeper = everNewKeeper();
    const pool = poolAt(service.url, keeper);

    await pool.lease(async (client: S3Client) => {
      await client.send(new ListBucketsCommand());
      await keeper.refresh();
      await client.send(new ListBucketsCommand());
    });

    expect(service.signedWith).toEqual(["A1", "A2"]);
  });
});
