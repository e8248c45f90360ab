/**
 * What can go wrong on the wire, in both lanes side by side: the caller gets the same outcome after the same attempts,
 * nothing hangs, and the one connection that the pool may have serves the next request.
 */

import { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { S3Pool, S3PoolOptions } from "@evertoken/s3";
import { describe, expect, it, vi } from "vitest";
import { LANES, type Lane, poolAt } from "./lanes.js";
import {
  answerOf,
  answers,
  type Behaviour,
  type RawAnswer,
  type RawService,
  rawService,
  refuses,
} from "./raw-service.js";

const OF_OBJECT = { Bucket: "reports", Key: "key" };
const LARGE = Buffer.alloc(16 * 1024 * 1024, "x");

const put = () => new PutObjectCommand({ ...OF_OBJECT, Body: Buffer.alloc(3000, "x") });
const putLarge = () => new PutObjectCommand({ ...OF_OBJECT, Body: LARGE });
const putPart = () => new UploadPartCommand({ ...OF_OBJECT, UploadId: "upload", PartNumber: 1, Body: "x" });
const get = () => new GetObjectCommand(OF_OBJECT);
const head = () => new HeadObjectCommand(OF_OBJECT);
const remove = () => new DeleteObjectCommand(OF_OBJECT);
const list = () => new ListObjectsV2Command({ Bucket: "reports" });
const probe = () => new PutObjectCommand({ Bucket: "reports", Key: "probe", Body: "x" });

const ok = answers({ headers: { etag: '"e"' } });
const listed = answers({ body: "<ListBucketResult><Name>reports</Name></ListBucketResult>" });
const ERROR_INSIDE = "<Error><Code>InternalError</Code><Message>no</Message></Error>";
const errorInside = answers({ body: ERROR_INSIDE });
const resets: Behaviour = ({ socket }) => socket.resetAndDestroy();
const staysSilent: Behaviour = () => new Promise(() => {});

const after =
  (bytes: number | undefined, behave: Behaviour): Behaviour =>
  async (exchange) => {
    await exchange.body(bytes);
    await behave(exchange);
  };

/** Answers before the body has come, and takes the rest of it. */
const answersEarly =
  (answer: RawAnswer): Behaviour =>
  ({ socket, body }) => {
    socket.write(answerOf(answer));
    return body();
  };

/** Writes this once it has the request, whatever it is. */
const writes = (text: string) => after(undefined, ({ socket }) => socket.write(text));

const HALF = answerOf({ headers: { "content-length": "10" }, body: "12345" });

/** Half an answer, and when that must have arrived, the end of the connection. */
const breaksOff = after(undefined, async ({ socket }) => {
  await new Promise((written) => socket.write(HALF, written));
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.resetAndDestroy();
});

const neverEndsItsHeader = after(undefined, async ({ socket }) => {
  socket.write("HTTP/1.1 200 OK\r\nx-filler: ");
  while (!socket.destroyed) await new Promise((resolve) => socket.write("x".repeat(10_000), resolve));
});

const refusal = (status: number, name: string, fault: "client" | "server", attempts: number) => ({
  error: { name, $fault: fault, $metadata: { httpStatusCode: status, attempts } },
});
const broken = (attempts: number) => ({ error: { code: "ECONNRESET", $metadata: { attempts } } });
const closed = (attempts: number) => ({
  error: { name: "RequestTimeout", code: "UND_ERR_SOCKET", $metadata: { attempts } },
});
const success = (attempts: number) => ({ output: { $metadata: { httpStatusCode: 200, attempts } } });
const notHttp = { error: { class: "HTTPParserError", $metadata: { attempts: 1 } } };
/** Errors of a body that is read are not the SDK's: they say nothing of attempts. */
const inBody = (error: object) => ({ error: { ...error, $metadata: {} } });

interface Case {
  readonly name: string;
  readonly command: () => object;
  /** Request by request, the last one again and again. */
  readonly service: readonly Behaviour[];
  readonly options?: S3PoolOptions;
  /** What is certain about it, in both lanes. */
  readonly outcome: object;
  readonly requests: number;
}

const CASES: readonly Case[] = [
  { name: "a reset before the body", command: put, service: [resets], outcome: broken(2), requests: 2 },
  { name: "a reset before the body, once", command: put, service: [resets, ok], outcome: success(2), requests: 2 },
  {
    name: "a reset inside the body",
    command: putLarge,
    service: [after(100_000, resets)],
    outcome: broken(2),
    requests: 2,
  },
  {
    name: "a reset after the body",
    command: put,
    service: [after(undefined, resets)],
    outcome: broken(2),
    requests: 2,
  },
  {
    name: "a connection closed without an answer",
    command: put,
    service: [after(undefined, ({ socket }) => socket.end())],
    outcome: closed(2),
    requests: 2,
  },
  {
    name: "half a head",
    command: put,
    service: [after(undefined, ({ socket }) => socket.end("HTTP/1.1 200 OK\r\nETag: "))],
    outcome: closed(2),
    requests: 2,
  },
  { name: "half an answer to a put", command: put, service: [breaksOff], outcome: broken(2), requests: 2 },
  { name: "half an answer to a put, once", command: put, service: [breaksOff, ok], outcome: success(2), requests: 2 },
  { name: "half a list, once", command: list, service: [breaksOff, listed], outcome: success(2), requests: 2 },
  { name: "half a download", command: get, service: [breaksOff], outcome: inBody({ code: "ECONNRESET" }), requests: 1 },
  {
    name: "half an error",
    command: get,
    service: [
      after(undefined, ({ socket }) =>
        socket.end(answerOf({ status: "403 Forbidden", headers: { "content-length": "999" }, body: "<Error><Code>" })),
      ),
    ],
    outcome: { error: { class: "SocketError", $metadata: { httpStatusCode: 403, attempts: 1 } } },
    requests: 1,
  },
  {
    name: "no answer within requestTimeoutMs",
    command: put,
    service: [staysSilent, ok],
    options: { requestTimeoutMs: 100 },
    outcome: success(2),
    requests: 2,
  },
  {
    name: "no answer within requestTimeoutMs, again and again",
    command: get,
    service: [staysSilent],
    options: { requestTimeoutMs: 100, maxAttempts: 1 },
    outcome: { error: { name: "TimeoutError", code: "UND_ERR_HEADERS_TIMEOUT", $metadata: { attempts: 1 } } },
    requests: 1,
  },
  {
    name: "a list that stops half way for longer than requestTimeoutMs",
    command: list,
    service: [
      after(undefined, async (exchange) => {
        exchange.socket.write(HALF);
        await staysSilent(exchange);
      }),
    ],
    options: { requestTimeoutMs: 100 },
    outcome: { error: { name: "BodyTimeoutError", $metadata: { attempts: 1 } } },
    requests: 1,
  },
  {
    name: "a download that stops half way for longer than requestTimeoutMs",
    command: get,
    service: [
      after(undefined, async (exchange) => {
        exchange.socket.write(HALF);
        await staysSilent(exchange);
      }),
    ],
    options: { requestTimeoutMs: 100 },
    outcome: inBody({ name: "BodyTimeoutError" }),
    requests: 1,
  },
  {
    name: "a refusal while the body is being sent",
    command: putLarge,
    service: [answersEarly({ status: "400 Bad Request", body: "<Error><Code>InvalidRequest</Code></Error>" })],
    outcome: refusal(400, "InvalidRequest", "client", 1),
    requests: 1,
  },
  {
    name: "a refusal while the body is being sent, and the end of the connection",
    command: putLarge,
    service: [
      after(100_000, ({ socket, body }) => {
        const headers = { connection: "close" };
        socket.end(answerOf({ status: "403 Forbidden", headers, body: "<Error><Code>AccessDenied</Code></Error>" }));
        return body();
      }),
    ],
    outcome: refusal(403, "AccessDenied", "client", 1),
    requests: 1,
  },
  {
    name: "SlowDown while the body is being sent, once",
    command: putLarge,
    service: [answersEarly({ status: "503 Slow Down", body: "<Error><Code>SlowDown</Code></Error>" }), ok],
    outcome: success(2),
    requests: 2,
  },
  {
    name: "SlowDown, once",
    command: head,
    service: [refuses("503 Slow Down", "SlowDown"), ok],
    outcome: success(2),
    requests: 2,
  },
  {
    name: "500 until the attempts are used up",
    command: put,
    service: [refuses("500 Internal Server Error", "InternalError")],
    options: { maxAttempts: 3 },
    outcome: refusal(500, "InternalError", "server", 3),
    requests: 3,
  },
  {
    name: "502 without a body",
    command: get,
    service: [answers({ status: "502 Bad Gateway" })],
    outcome: refusal(502, "Unknown", "server", 2),
    requests: 2,
  },
  {
    name: "200 with an error inside, to a put",
    command: put,
    service: [errorInside],
    outcome: refusal(503, "InternalError", "server", 2),
    requests: 2,
  },
  {
    name: "200 with an error inside, to a part",
    command: putPart,
    service: [errorInside, ok],
    outcome: success(2),
    requests: 2,
  },
  {
    name: "200 with an error inside, to a delete",
    command: remove,
    service: [errorInside, ok],
    outcome: success(2),
    requests: 2,
  },
  {
    name: "200 with an error inside, to a list",
    command: list,
    service: [errorInside, listed],
    outcome: success(2),
    requests: 2,
  },
  {
    name: "an object that looks like an error",
    command: get,
    service: [errorInside],
    outcome: { output: { Body: ERROR_INSIDE, $metadata: { attempts: 1 } } },
    requests: 1,
  },
  {
    name: "a wrong checksum",
    command: get,
    service: [answers({ body: "hello", headers: { "x-amz-checksum-crc32": "AAAAAA==" } })],
    outcome: inBody({
      message: expect.stringContaining('Checksum mismatch: expected "AAAAAA==" but received "NhCmhg=="'),
    }),
    requests: 1,
  },
  {
    name: "an answer of another protocol",
    command: put,
    service: [writes("220 mail ESMTP\r\n")],
    outcome: notHttp,
    requests: 1,
  },
  { name: "an answer of zeros", command: get, service: [writes("\0\0\0\0")], outcome: notHttp, requests: 1 },
  {
    name: "garbage where chunks should be",
    command: get,
    service: [writes("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nZZ\r\n")],
    outcome: inBody({ class: "HTTPParserError" }),
    requests: 1,
  },
  {
    name: "a list that is no XML",
    command: list,
    service: [answers({ body: "garbage" })],
    outcome: {
      error: { message: expect.stringContaining("XML parse error"), $metadata: { httpStatusCode: 200, attempts: 1 } },
    },
    requests: 1,
  },
  {
    name: "an error that is no XML",
    command: get,
    service: [answers({ status: "404 Not Found", body: "<html><body>nothing here" })],
    outcome: {
      error: { message: expect.stringContaining("XML parse error"), $metadata: { httpStatusCode: 404, attempts: 1 } },
    },
    requests: 1,
  },
  {
    name: "a header without end",
    command: put,
    service: [neverEndsItsHeader],
    outcome: { error: { code: "UND_ERR_HEADERS_OVERFLOW", $metadata: { attempts: 1 } } },
    requests: 1,
  },
  {
    name: "more answers than requests",
    command: put,
    service: [writes(answerOf({ headers: { etag: '"a"' } }) + answerOf({ headers: { etag: '"b"' } }))],
    outcome: { output: { ETag: '"a"' } },
    requests: 1,
  },
  {
    name: "an answer longer than it says",
    command: get,
    service: [writes(answerOf({ headers: { "content-length": "3" }, body: "12345" }))],
    outcome: { output: { Body: "123" } },
    requests: 1,
  },
  {
    name: "a body where none may be",
    command: head,
    service: [writes(answerOf({ headers: { etag: '"e"' }, body: "content" }))],
    outcome: { output: { ETag: '"e"' } },
    requests: 1,
  },
  {
    name: "an answer of another kind before the answer",
    command: put,
    service: [writes(`HTTP/1.1 102 Processing\r\n\r\n${answerOf({ headers: { etag: '"e"' } })}`)],
    outcome: success(1),
    requests: 1,
  },
  {
    name: "an upgrade that nobody asked for",
    command: put,
    service: [writes("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n")],
    outcome: closed(2),
    requests: 2,
  },
  {
    name: "a refusal under Expect: 100-continue, before the body",
    command: () =>
      new PutObjectCommand({ ...OF_OBJECT, Body: Readable.from([LARGE]), ContentLength: LARGE.byteLength }),
    service: [
      ({ socket }) =>
        socket.end(answerOf({ status: "403 Forbidden", body: "<Error><Code>AccessDenied</Code></Error>" })),
    ],
    options: { replayBufferBytes: 0 },
    outcome: { error: { name: "AccessDenied", $metadata: { httpStatusCode: 403 } } },
    requests: 1,
  },
];

describe("both lanes", () => {
  it.each(CASES)("do the same on $name", async ({ command, service, options, outcome, requests }) => {
    // The SDK lane warns of streams that cannot be sent again.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const [fast, sdk] = await sideBySide(async (lane) => {
      const raw = await faultyService(service);
      const pool = faultyPool(lane, raw, options);

      const told = await outcomeOf(pool.send(command() as never));

      return { told, heads: raw.heads.filter(isOfFault).map(attemptIn), ...(await leavesNothing(pool, raw)) };
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ told: outcome, next: success(1), left: 0 });
    expect(fast?.heads).toHaveLength(requests);
  });
});

const faultyPool = (lane: Lane, { url }: { url: string }, options: S3PoolOptions = {}) =>
  poolAt(url, { maxConnections: 1, maxAttempts: 2, fastLane: lane === "fast", ...options });

const isOfFault = (requestHead: string) => !requestHead.includes("/probe");
const attemptIn = (requestHead: string) => /amz-sdk-request: (.*)\r/.exec(requestHead)?.[1];

/** The behaviours in turn; the request that asks whether all is well again gets a good answer. */
async function faultyService(behaviours: readonly Behaviour[]): Promise<RawService> {
  let faults = 0;
  return rawService((exchange) => {
    if (!isOfFault(exchange.head)) return ok(exchange);
    faults += 1;
    return behaviours[Math.min(faults, behaviours.length) - 1]?.(exchange);
  });
}

function sideBySide<T>(work: (lane: Lane) => Promise<T>): Promise<T[]> {
  return Promise.all(LANES.map(work));
}

/** The next request is served, and closing the pool ends its connections. */
async function leavesNothing(pool: S3Pool, raw: RawService) {
  const next = await outcomeOf(pool.send(probe()));
  await pool.close({ drainMs: 0 });
  await expect.poll(() => raw.open).toBe(0);
  return { next, left: raw.open };
}

/** What a caller can tell of an outcome, without what is another one each time. */
async function outcomeOf(sending: Promise<unknown>): Promise<{ output: object } | { error: unknown }> {
  try {
    const { Body, $metadata, ...rest } = (await sending) as Record<string, unknown> & { $metadata: object };
    const read = Body instanceof Readable ? { Body: Buffer.concat(await Body.toArray()).toString() } : {};
    return { output: { ...rest, ...read, $metadata: { ...$metadata, totalRetryDelay: 0 } } };
  } catch (error) {
    return { error: ofError(error) };
  }
}

function ofError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, cause, $metadata, ...fields } = error as Error & Record<string, unknown>;
  const { socket: _, $response: __, port: ___, ...same } = fields;
  return {
    ...same,
    class: error.constructor.name,
    name,
    message: message.replace(/:\d{4,5}\b/g, ":PORT"),
    cause: ofError(cause),
    $metadata: typeof $metadata === "object" ? { ...$metadata, totalRetryDelay: 0 } : {},
  };
}

describe("both lanes, when there is nobody to connect to,", () => {
  it("say so after the same attempts", async () => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      const pool = faultyPool(lane, { url: "http://127.0.0.1:1" });
      return outcomeOf(pool.send(put()));
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ error: { code: "ECONNREFUSED", $metadata: { attempts: 2 } } });
  });

  it("wait no longer than connectTimeoutMs for a connection to be set up", async () => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      // It takes the connection and says nothing to the client's hello.
      const raw = await rawService(staysSilent);
      const pool = faultyPool(
        lane,
        { url: raw.url.replace("http:", "https:") },
        { connectTimeoutMs: 100, maxAttempts: 1 },
      );

      const told = await outcomeOf(pool.send(put()));

      await expect.poll(() => raw.open).toBe(0);
      return told;
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ error: { name: "TimeoutError", code: "UND_ERR_CONNECT_TIMEOUT" } });
  });
});

const UPLOAD = { command: put, behaviour: staysSilent };
const DOWNLOAD = {
  command: get,
  behaviour: after(undefined, async (exchange) => {
    exchange.socket.write(HALF);
    await staysSilent(exchange);
  }),
};

describe.each([
  ["an upload", UPLOAD],
  ["a list that has begun to come", { ...DOWNLOAD, command: list }],
  ["a download that has begun to come", DOWNLOAD],
])("a caller who gives up %s", (_, { command, behaviour }) => {
  it.each([
    ["without a reason", undefined],
    ["with an error as the reason", new Error("no longer wanted")],
    ["with text as the reason", "no longer wanted"],
  ])("%s is told the same in both lanes, and the connection is free", async (__, reason) => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      const raw = await faultyService([behaviour]);
      const pool = faultyPool(lane, raw);
      const caller = new AbortController();
      const sending = outcomeOf(pool.send(command() as never, { abortSignal: caller.signal }));
      await expect.poll(() => raw.heads.length).toBe(1);

      caller.abort(reason);

      return { told: await sending, requests: raw.heads.length, ...(await leavesNothing(pool, raw)) };
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ told: { error: expect.anything() }, requests: 1, next: success(1), left: 0 });
  });

  it.each([
    ["before it is sent", (caller: AbortController) => caller.abort()],
    ["in the moment it is sent", (caller: AbortController) => queueMicrotask(() => caller.abort())],
  ])("%s has opened no connection", async (__, abort) => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      const raw = await faultyService([behaviour]);
      const pool = faultyPool(lane, raw);
      const caller = new AbortController();
      abort(caller);

      const told = await outcomeOf(pool.send(command() as never, { abortSignal: caller.signal }));

      return { told, opened: raw.opened, ...(await leavesNothing(pool, raw)) };
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ told: { error: { name: "AbortError" } }, opened: 0 });
  });
});

describe("both lanes, with all connections taken,", () => {
  it("let go a caller who gives up waiting for one", async () => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      const raw = await faultyService([staysSilent]);
      const pool = faultyPool(lane, raw);
      const holding = new AbortController();
      const first = outcomeOf(pool.send(put(), { abortSignal: holding.signal }));
      await expect.poll(() => raw.heads.length).toBe(1);
      const waiting = new AbortController();
      const second = outcomeOf(pool.send(put(), { abortSignal: waiting.signal }));

      setTimeout(() => waiting.abort(), 20);
      const told = await Promise.race([second, new Promise((resolve) => setTimeout(resolve, 2000, "it waits"))]);

      holding.abort();
      await first;
      return { told, requests: raw.heads.length, ...(await leavesNothing(pool, raw)) };
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ told: { error: { name: "AbortError" } }, requests: 1 });
  });
});

describe("closing a pool", () => {
  it.each([
    ["an upload", UPLOAD],
    ["a list", { ...DOWNLOAD, command: list }],
    ["a download", DOWNLOAD],
  ])("ends %s that is under way, in both lanes alike", async (_, { command, behaviour }) => {
    const [fast, sdk] = await sideBySide(async (lane) => {
      const raw = await faultyService([behaviour]);
      const pool = faultyPool(lane, raw);
      const sending = outcomeOf(pool.send(command() as never));
      await expect.poll(() => raw.heads.length).toBe(1);

      await pool.close({ drainMs: 10 });

      await expect.poll(() => raw.open).toBe(0);
      return { told: await sending, requests: raw.heads.length };
    });

    expect(fast).toEqual(sdk);
    expect(fast).toMatchObject({ told: { error: expect.anything() }, requests: 1 });
  });
});

describe("a download that turns out to be broken before anybody reads it", () => {
  it.each([
    ["the connection broke", breaksOff, "ECONNRESET"],
    [
      "the checksum is wrong",
      answers({ body: "hello", headers: { "x-amz-checksum-crc32": "AAAAAA==" } }),
      "Checksum mismatch",
    ],
  ])("tells whoever reads it later that %s", async (_, behaviour, says) => {
    const raw = await faultyService([behaviour]);
    const pool = faultyPool("fast", raw);

    const { Body } = await pool.send(get());
    // An error event that nobody listens for would end the process in the meantime.
    await new Promise((resolve) => setTimeout(resolve, 50));

    await expect(Body?.transformToString()).rejects.toThrow(says);
  });
});
