/** TLS with an authority of one's own. The certificates are made by tls/make.sh. */

import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput } from "@aws-sdk/client-s3";
import type { S3PoolOptions } from "@evertoken/s3";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LANES, type Lane, poolAt } from "./lanes.js";

const pem = (name: string) => readFileSync(join(import.meta.dirname, "tls", `${name}.pem`));
const ca = pem("ca");
const OF_OBJECT = { Bucket: "reports", Key: "key" };
const put = () => new PutObjectCommand({ ...OF_OBJECT, Body: "content" });

/** Answers everything with `content`, by a certificate for `localhost` and 127.0.0.1. */
async function tlsService() {
  let connections = 0;
  const payloads: unknown[] = [];
  const server = createServer({ cert: pem("localhost"), key: pem("localhost-key") }, (incoming, outgoing) => {
    payloads.push(incoming.headers["x-amz-content-sha256"]);
    incoming.resume().on("end", () => outgoing.end("content"));
  });
  server.on("secureConnection", () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, payloads, connections: () => connections };
}

const poolIn = (lane: Lane, url: string, options: S3PoolOptions = {}) =>
  poolAt(url, { fastLane: lane === "fast", ...options });

describe.each(LANES)("over TLS, in the %s lane,", (lane) => {
  it.each<[form: string, S3PoolOptions["ca"]]>([
    ["bytes", ca],
    ["text", ca.toString()],
    ["one of several", [pem("other-ca"), ca.toString()]],
  ])("a service is trusted by the authority that the pool is given, as %s", async (_, trusted) => {
    const { port } = await tlsService();
    const pool = poolIn(lane, `https://localhost:${port}`, { ca: trusted });

    await expect(pool.send(put())).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  it("one connection serves one request after the other", async () => {
    const service = await tlsService();
    const pool = poolIn(lane, `https://127.0.0.1:${service.port}`, { ca, maxConnections: 1 });

    for (let round = 0; round < 3; round++) {
      await pool.send(put());
      await (await pool.send(new GetObjectCommand(OF_OBJECT))).Body?.transformToString();
    }

    expect(service.connections()).toBe(1);
  });

  it("a stream that is too large to be kept trusts the same authority", async () => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { port } = await tlsService();
    const pool = poolIn(lane, `https://localhost:${port}`, { ca, replayBufferBytes: 0 });
    const large = Buffer.alloc(3 * 1024 * 1024);
    const body = new PutObjectCommand({ ...OF_OBJECT, Body: Readable.from([large]), ContentLength: large.byteLength });

    await expect(pool.send(body)).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });
});

describe("a service that is not trusted", () => {
  it.each([
    [
      "by another authority",
      { ca: pem("other-ca") },
      "localhost",
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      /unable to verify/,
    ],
    ["by no authority that Node.js knows", {}, "localhost", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", /unable to verify/],
    [
      "under another name",
      { ca },
      "127.0.0.2",
      "ERR_TLS_CERT_ALTNAME_INVALID",
      /IP: 127\.0\.0\.2 is not in the cert's list/,
    ],
  ])(
    "%s is refused, by the same clear error in both lanes, and nothing is sent",
    async (_, options, host, code, says) => {
      const [fast, sdk] = await Promise.all(
        LANES.map(async (lane) => {
          const { port, payloads } = await tlsService();
          const pool = poolIn(lane, `https://${host}:${port}`, options);
          const error = await pool.send(put()).catch((thrown: Error) => thrown);
          return { ...error, name: (error as Error).name, message: (error as Error).message, sent: payloads.length };
        }),
      );

      expect(fast).toEqual(sdk);
      expect(fast).toMatchObject({ code, message: expect.stringMatching(says), sent: 0, $metadata: { attempts: 1 } });
    },
  );
});

describe("what goes up over TLS", () => {
  it.each<[what: string, input: () => Partial<PutObjectCommandInput>, payload: RegExp]>([
    ["text", () => ({ Body: "content" }), /^[0-9a-f]{64}$/],
    ["bytes", () => ({ Body: Buffer.alloc(100_000) }), /^[0-9a-f]{64}$/],
    [
      "a stream",
      () => ({ Body: Readable.from(["content"]), ContentLength: 7 }),
      /^STREAMING-UNSIGNED-PAYLOAD-TRAILER$/,
    ],
  ])("is signed with its content or without as the SDK chooses: %s", async (_, input, payload) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const [fast, sdk] = await Promise.all(
      LANES.map(async (lane) => {
        const service = await tlsService();
        const pool = poolIn(lane, `https://localhost:${service.port}`, { ca });
        await pool.send(new PutObjectCommand({ ...OF_OBJECT, ...input() }));
        return service.payloads;
      }),
    );

    expect(fast).toEqual(sdk);
    expect(fast).toEqual([expect.stringMatching(payload)]);
  });
});
