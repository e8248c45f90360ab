import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { inspect } from "node:util";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { CredentialsRejectedError, createKeeper } from "@evertoken/credentials";
import { keepFresh, keepFreshPlugin, type PoolEvents, type Replay } from "@evertoken/pool";
import { describe, expect, it, onTestFinished } from "vitest";
import { everNewKeeper, ok, poolAt, s3At, says, serviceThatSays, simulatedPool } from "./service.js";

const Bucket = "reports";
const put = (Key = "key", Body: string | Uint8Array = "content") => new PutObjectCommand({ Bucket, Key, Body });

describe("a request that is refused because its credentials are stale", () => {
  it("is sent again with other ones; the caller sees the result only", async () => {
    const { simulator, pool } = await simulatedPool();
    await pool.send(put());
    const replays: Replay[] = [];
    pool.on("replayed", (replay) => replays.push(replay));
    simulator.fault("credentials-revoked");

    const { $metadata, ETag } = await pool.send(put());

    expect($metadata.httpStatusCode).toBe(200);
    expect(ETag).toBeDefined();
    expect(replays).toEqual([
      {
        member: 0,
        service: "S3",
        accessKeyId: expect.stringMatching(/^ASIA/),
        reason: "ExpiredToken",
        command: "PutObjectCommand",
      },
    ]);
    expect(pool.stats()).toMatchObject({ sent: 2, failed: 0, replayed: 1, surfaced: 0 });
  });

  it("together with five hundred others causes one refresh, and none of them fails", async () => {
    const { simulator, keeper, pool } = await simulatedPool({ size: 20 });
    await pool.send(put());
    const before = simulator.journal.count("imds", "default").requests;
    simulator.fault("credentials-revoked");

    await Promise.all(Array.from({ length: 500 }, (_, index) => pool.send(put(`key-${index}`))));

    expect(simulator.journal.count("imds", "default").requests - before).toBe(1);
    expect(keeper.status().generation).toBe(2);
    expect(pool.stats()).toMatchObject({ failed: 0, surfaced: 0 });
    const refused = simulator.journal.entries(({ decision }) => decision.startsWith("ExpiredToken"));
    expect(pool.stats().replayed).toBe(refused.length);
    expect(refused.length).toBeGreaterThan(0);
  });

  it.each([
    [400, "ExpiredToken"],
    [400, "TokenRefreshRequired"],
    [400, "InvalidToken"],
    [403, "InvalidAccessKeyId"],
    [400, "ExpiredTokenException"],
    [400, "RequestExpired"],
    [400, "UnrecognizedClientException"],
    [403, "InvalidClientTokenId"],
    [401, "AuthFailure"],
  ])("(%i %s) is sent again", async (status, code) => {
    const service = await serviceThatSays(says(status, code), ok);
    const pool = poolAt(service.url, everNewKeeper());

    await pool.send(put());

    expect(service.signedWith).toEqual(["A1", "A2"]);
  });

  it.each([
    [403, "SignatureDoesNotMatch"],
    [403, "AccessDenied"],
    [404, "NoSuchBucket"],
    [400, "MalformedXML"],
    // Nobody knows whether the service has acted: not for a replay to decide.
    [500, "InternalError"],
    [503, "SlowDown"],
  ])("is another matter with %i %s: not sent again", async (status, code) => {
    const service = await serviceThatSays(says(status, code), ok);
    const pool = poolAt(service.url, everNewKeeper());

    await expect(pool.send(put())).rejects.toMatchObject({ name: code });

    expect(service.signedWith).toEqual(["A1"]);
    expect(pool.stats()).toMatchObject({ failed: 1, replayed: 0, surfaced: 0 });
  });

  it("inside an answer of 200 is sent again: the completion of an upload", async () => {
    const completed = "<CompleteMultipartUploadResult><ETag>&quot;e&quot;</ETag></CompleteMultipartUploadResult>";
    const service = await serviceThatSays(says(200, "ExpiredToken"), (_, outgoing) => outgoing.end(completed));
    const pool = poolAt(service.url, everNewKeeper());

    const { ETag } = await pool.send(
      new CompleteMultipartUploadCommand({
        Bucket,
        Key: "key",
        UploadId: "upload",
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: "e" }] },
      }),
    );

    expect(ETag).toBe('"e"');
    expect(service.signedWith).toEqual(["A1", "A2"]);
  });

  it("inside an answer of 200 is sent again: a copy", async () => {
    const copied = "<CopyObjectResult><ETag>&quot;e&quot;</ETag></CopyObjectResult>";
    const service = await serviceThatSays(says(200, "ExpiredToken"), (_, outgoing) => outgoing.end(copied));
    const pool = poolAt(service.url, everNewKeeper());

    const { CopyObjectResult } = await pool.send(
      new CopyObjectCommand({ Bucket, Key: "copy", CopySource: "reports/key" }),
    );

    expect(CopyObjectResult?.ETag).toBe('"e"');
    expect(service.signedWith).toEqual(["A1", "A2"]);
  });

  it("is sent again once and never twice: a second refusal reaches the caller", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"));
    const pool = poolAt(service.url, everNewKeeper());

    await expect(pool.send(put())).rejects.toMatchObject({ name: "ExpiredToken" });

    expect(service.signedWith).toEqual(["A1", "A2"]);
    expect(pool.stats()).toMatchObject({ failed: 1, replayed: 1, surfaced: 1 });
  });

  it.each([
    ["in success", ok, undefined],
    ["in another refusal", says(400, "ExpiredToken"), expect.objectContaining({ name: "ExpiredToken" })],
    ["in an error", says(409, "Conflict"), expect.objectContaining({ name: "Conflict" })],
  ])("is told of once more when it ends %s", async (_, second, error) => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), second);
    const pool = poolAt(service.url, everNewKeeper());
    const ended: PoolEvents["replayEnded"][] = [];
    pool.on("replayEnded", (end) => ended.push(end));

    for (const Body of ["a string", Readable.from(["a stream"])]) {
      service.signedWith.length = 0;
      await pool.send(new PutObjectCommand({ Bucket, Key: "key", Body, ContentLength: 8 })).catch(() => {});
    }

    const told = { service: "S3", reason: "ExpiredToken", command: "PutObjectCommand", error };
    expect(ended).toMatchObject([told, told]);
    for (const { durationMs } of ended) expect(durationMs).toBeGreaterThan(0);
  });

  it("is not sent again with the same credentials: the caller learns what was tried, and what the service said", async () => {
    const { simulator, pool } = await simulatedPool({ keeper: { loadTimeoutMs: 400, maxWaitMs: 100 } });
    await pool.send(put());
    simulator.fault("credentials-revoked");
    simulator.fault("imds-down");

    const error = await pool.send(put()).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(CredentialsRejectedError);
    expect(error).toMatchObject({
      code: "CREDENTIALS_REJECTED",
      cause: expect.objectContaining({ name: "ExpiredToken" }),
    });
    expect(pool.stats()).toMatchObject({ failed: 1, replayed: 0, surfaced: 1 });
  });

  it("is sent again by clients that resolve their middlewares once for all requests, too", async () => {
    // All twenty are signed with the first credentials before one of them is refused.
    let there = 0;
    let allThere = () => {};
    const refusal = new Promise<void>((resolve) => (allThere = resolve));
    const service = await serviceThatSays((incoming, outgoing) => {
      if (!incoming.headers.authorization?.includes("Credential=A1/")) return ok(incoming, outgoing);
      there += 1;
      if (there === 20) allThere();
      void refusal.then(() => says(400, "ExpiredToken")(incoming, outgoing));
    });
    const pool = poolAt(service.url, everNewKeeper(), {
      create: ({ credentials }) => s3At(service.url, { credentials, cacheMiddleware: true }),
    });

    await Promise.all(Array.from({ length: 20 }, (_, index) => pool.send(put(`key-${index}`))));

    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 20, surfaced: 0 });
  });

  it("does not spend the retries of the SDK", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), says(503, "SlowDown"), ok);
    const keeper = everNewKeeper();
    const client = s3At(service.url, { credentials: keeper.provider, maxAttempts: 2 });
    onTestFinished(() => client.destroy());
    keepFresh(client, keeper);

    const { $metadata } = await client.send(put());

    expect(service.signedWith).toEqual(["A1", "A2", "A2"]);
    expect($metadata.attempts).toBe(2);
  });
});

describe("a HEAD that is refused without a word", () => {
  const head = new HeadObjectCommand({ Bucket, Key: "key" });

  it("is sent again when the source has other credentials", async () => {
    const { simulator, pool } = await simulatedPool();
    await pool.send(put());
    simulator.fault("credentials-revoked");

    await expect(pool.send(head)).resolves.toMatchObject({ ContentLength: 7 });
    expect(pool.stats()).toMatchObject({ replayed: 1, surfaced: 0 });
  });

  it("reaches the caller as it is when the credentials are good, and the source is not asked each time", async () => {
    const service = await serviceThatSays((_, outgoing) => outgoing.writeHead(400).end());
    let asked = 0;
    const keeper = createKeeper({
      source: {
        name: "the same again",
        watchable: false,
        load: async () => {
          asked += 1;
          return { credentials: { accessKeyId: "A1", secretAccessKey: "secret" } };
        },
      },
    });
    onTestFinished(() => keeper.close());
    const pool = poolAt(service.url, keeper);

    for (let attempt = 0; attempt < 5; attempt++) {
      await expect(pool.send(head)).rejects.toMatchObject({ $metadata: { httpStatusCode: 400 } });
    }

    expect(asked).toBe(2);
    expect(service.signedWith).toHaveLength(5);
    expect(pool.stats()).toMatchObject({ failed: 5, replayed: 0, surfaced: 0 });
  });
});

describe("a caller who gives up", () => {
  it("while the request is under way ends it, and nothing is sent again", async () => {
    const abort = new AbortController();
    const service = await serviceThatSays(() => abort.abort());
    const pool = poolAt(service.url, everNewKeeper());

    await expect(pool.send(put(), { abortSignal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });

    expect(service.signedWith).toEqual(["A1"]);
    expect(pool.stats()).toMatchObject({ inFlight: 0, failed: 1, replayed: 0, surfaced: 0 });
  });

  it("while other credentials are awaited is let go at once, and nothing is sent again", async () => {
    const { simulator, keeper, pool } = await simulatedPool();
    await pool.send(put());
    simulator.fault("credentials-revoked");
    simulator.fault("imds-down");
    const abort = new AbortController();
    const sending = pool.send(put(), { abortSignal: abort.signal }).catch((error: Error) => error);
    while (keeper.status().state !== "rejected") await new Promise((resolve) => setImmediate(resolve));

    abort.abort(new Error("gone"));

    expect(await sending).toMatchObject({ name: "AbortError" });
    expect(pool.stats()).toMatchObject({ inFlight: 0, replayed: 0 });
  });

  it("in the moment in which other credentials arrive is not overruled: nothing is sent again", async () => {
    const service = await serviceThatSays(says(400, "ExpiredToken"), ok);
    const keeper = everNewKeeper();
    const abort = new AbortController();
    keeper.on("rotated", ({ generation }) => generation === 2 && abort.abort());
    const pool = poolAt(service.url, keeper);

    await expect(pool.send(put(), { abortSignal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });

    expect(service.signedWith).toEqual(["A1"]);
    expect(pool.stats()).toMatchObject({ replayed: 0, surfaced: 0 });
  });

  it("while the request is under way for the second time ends it", async () => {
    const abort = new AbortController();
    const service = await serviceThatSays(says(400, "ExpiredToken"), () => abort.abort());
    const pool = poolAt(service.url, everNewKeeper());

    await expect(pool.send(put(), { abortSignal: abort.signal })).rejects.toMatchObject({ name: "AbortError" });

    expect(service.signedWith).toEqual(["A1", "A2"]);
    expect(pool.stats()).toMatchObject({ inFlight: 0, failed: 1, replayed: 1, surfaced: 0 });
  });
});

describe("keepFresh", () => {
  it("gives the replay to a client of the user's own, and tells of it", async () => {
    const { simulator, keeper } = await simulatedPool();
    const client = s3At(simulator.s3Url, { credentials: keeper.provider });
    onTestFinished(() => client.destroy());
    const replays: Replay[] = [];
    keepFresh(client, keeper).on("replayed", (replay) => replays.push(replay));
    await client.send(new ListBucketsCommand());
    simulator.fault("credentials-revoked");

    await client.send(new DeleteObjectCommand({ Bucket, Key: "key" }));

    expect(replays).toHaveLength(1);
  });

  it("is a plugin as well", async () => {
    const { simulator, keeper } = await simulatedPool();
    const client = s3At(simulator.s3Url, { credentials: keeper.provider });
    onTestFinished(() => client.destroy());
    const plugin = keepFreshPlugin(keeper);
    const replays: Replay[] = [];
    plugin.on("replayed", (replay) => replays.push(replay));
    client.middlewareStack.use(plugin);
    await client.send(new ListBucketsCommand());
    simulator.fault("credentials-revoked");

    await client.send(new DeleteObjectCommand({ Bucket, Key: "key" }));

    expect(replays).toHaveLength(1);
  });
});

describe("a host whose clock is wrong", () => {
  /** A service whose clock is an hour ahead, and which refuses what was signed by another one. */
  const strictService = (refusal = says(403, "RequestTimeTooSkewed")) => {
    let refused = 0;
    const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
      const serviceNow = Date.now() + 3_600_000;
      outgoing.setHeader("date", new Date(serviceNow).toUTCString());
      const signedAt = String(incoming.headers["x-amz-date"]).replace(
        /(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/,
        "$1-$2-$3T$4:$5:$6Z",
      );
      if (Math.abs(Date.parse(signedAt) - serviceNow) < 900_000) return void ok(incoming, outgoing);
      refused += 1;
      refusal(incoming, outgoing);
    };
    return { answer, refused: () => refused };
  };

  it("is refused once; the request is replayed, and no other client of the pool is refused", async () => {
    const strict = strictService();
    const service = await serviceThatSays(strict.answer);
    const pool = poolAt(service.url, everNewKeeper(), { size: 3 });
    // Two clients that have not sent anything yet, beside the one that will be refused.
    await Promise.all([1, 2, 3].map(() => pool.lease(() => new Promise((resolve) => setImmediate(resolve)))));
    expect(pool.stats().created).toBe(3);

    await pool.send(put());
    for (let request = 0; request < 20; request++) await pool.send(put());

    expect(strict.refused()).toBe(1);
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1, surfaced: 0 });
  });

  it.each([
    [403, "RequestTimeTooSkewed"],
    [403, "RequestInTheFuture"],
    [403, "InvalidSignatureException"],
    [403, "SignatureDoesNotMatch"],
    [400, "RequestExpired"],
    [401, "AuthFailure"],
  ])("is told so with %i %s as well, and asks for no other credentials", async (status, code) => {
    const strict = strictService(says(status, code));
    const service = await serviceThatSays(strict.answer);
    const pool = poolAt(service.url, everNewKeeper());

    await pool.send(put());

    expect(strict.refused()).toBe(1);
    expect(service.signedWith).toEqual(["A1", "A1"]);
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1 });
  });

  it("does not have its credentials refused for it", async () => {
    const service = await serviceThatSays(strictService().answer);
    const keeper = everNewKeeper();

    await poolAt(service.url, keeper).send(put());

    expect(keeper.status()).toMatchObject({ generation: 1, accessKeyId: "A1" });
    expect(keeper.status().skewMs).toBeGreaterThan(3_590_000);
  });
});

describe("errors of a replay", () => {
  it("show no secret", async () => {
    const { simulator, pool, keeper } = await simulatedPool({ keeper: { loadTimeoutMs: 300 } });
    await pool.send(put());
    const { secretAccessKey, sessionToken = "" } = await keeper.provider();
    simulator.fault("credentials-revoked");
    simulator.fault("imds-down");

    const error = await pool.send(put()).catch((thrown: unknown) => thrown);

    const shown = inspect(error, { depth: 10, showHidden: false });
    expect(shown).not.toContain(secretAccessKey);
    expect(shown).not.toContain(sessionToken);
  });
});
