/** Which lane a request takes, and that a caller cannot tell: outputs, bodies, errors, redirects. */

import { once } from "node:events";
import { Readable } from "node:stream";
import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  InvalidObjectState,
  ListBucketsCommand,
  ListObjectsV2Command,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  paginateListObjectsV2,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import type { S3Pool, S3PoolOptions } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { inBothLanes, poolAt } from "./lanes.js";
import { answerOf, answers, type Behaviour, type RawAnswer, rawService, refuses } from "./raw-service.js";

const OF_OBJECT = { Bucket: "reports", Key: "2026/11.csv" };
const put = (more: object = {}) => new PutObjectCommand({ ...OF_OBJECT, Body: "content", ...more });
const get = () => new GetObjectCommand(OF_OBJECT);

/** On the simulator, which stores what it is given. */
async function simulatedPool(options: S3PoolOptions = {}): Promise<S3Pool> {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
  onTestFinished(() => {
    delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  });
  return poolAt(simulator.s3Url, { credentials: undefined, ...options });
}

function environment(values: Readonly<Record<string, string>>): void {
  Object.assign(process.env, values);
  onTestFinished(() => {
    for (const name of Object.keys(values)) delete process.env[name];
  });
}

describe("the fast lane", () => {
  it("takes the hot operations", async () => {
    const pool = await simulatedPool();
    const { UploadId } = await pool.send(new CreateMultipartUploadCommand(OF_OBJECT));

    await pool.send(put({ Metadata: { One: "1" }, ContentType: "text/csv", IfNoneMatch: "*" }));
    await (await pool.send(new GetObjectCommand({ ...OF_OBJECT, Range: "bytes=0-2" }))).Body?.transformToString();
    await pool.send(new HeadObjectCommand(OF_OBJECT));
    await pool.send(new ListObjectsV2Command({ Bucket: "reports", Prefix: "2026/" }));
    await pool.send(new UploadPartCommand({ ...OF_OBJECT, UploadId, PartNumber: 1, Body: Buffer.from("part") }));
    await pool.send(new DeleteObjectCommand(OF_OBJECT));

    expect(pool.stats().lanes).toEqual({ fast: 6, handedOver: 0, sdk: 1, diversions: { operation: 1 } });
  });

  it("takes what a leased client sends: requests, paginators, an upload's parts", async () => {
    const pool = await simulatedPool();
    const large = Buffer.alloc(11 * 1024 * 1024, "x");

    await pool.lease((client) => client.send(put()));
    await pool.lease(async (client) => {
      for await (const page of paginateListObjectsV2({ client }, { Bucket: "reports" })) expect(page.KeyCount).toBe(1);
    });
    await pool.lease((client) => new Upload({ client, params: { ...OF_OBJECT, Body: large } }).done());

    expect(pool.stats().lanes).toEqual({ fast: 5, handedOver: 0, sdk: 2, diversions: { operation: 2 } });
    const written = await (await pool.send(get())).Body?.transformToByteArray();
    expect(large.equals(written ?? Buffer.alloc(0))).toBe(true);
  });

  it("leaves a caller who waits by callback to the SDK, who knows how", async () => {
    const pool = await simulatedPool();

    const output = await pool.lease(
      (client) => new Promise((resolve) => client.send(put(), (error, done) => resolve(error ?? done))),
    );

    expect(output).toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });

  it("is off when fastLane is false", async () => {
    const pool = await simulatedPool({ fastLane: false });

    await pool.send(put());

    expect(pool.stats().lanes).toEqual({ fast: 0, handedOver: 0, sdk: 1, diversions: {} });
  });
});

describe("the SDK lane takes a request, and says why,", () => {
  const signal = new AbortController().signal;
  const arn = "arn:aws:s3:us-east-1:111122223333:accesspoint/reports";
  const headOf = (Bucket: string) => new HeadObjectCommand({ ...OF_OBJECT, Bucket });

  it.each<[why: string, reason: string, command: object, options?: object]>([
    ["of another operation", "operation", new ListBucketsCommand()],
    ["of a class that is derived from the SDK's", "operation", new (class extends PutObjectCommand {})(put().input)],
    [
      "with a member that the lane does not know",
      "member",
      put({ SSECustomerKey: "k", SSECustomerAlgorithm: "AES256" }),
    ],
    ["with a member that nobody knows yet", "member", put({ Novelty: "new" })],
    ["with a header that is not plain ASCII", "value", put({ ContentDisposition: "ü" })],
    ["with metadata that is not plain ASCII", "value", put({ Metadata: { name: "ü" } })],
    ["with metadata whose names differ in case only", "value", put({ Metadata: { name: "a", Name: "b" } })],
    ["with a key that cannot be written", "value", put({ Key: "\ud800" })],
    ["without a key", "value", put({ Key: "" })],
    ["with a number that is none", "value", new GetObjectCommand({ ...OF_OBJECT, PartNumber: Number.NaN })],
    ["with a date that is none", "value", put({ Expires: new Date(Number.NaN) })],
    ["with an algorithm that the lane does not know", "value", put({ ChecksumAlgorithm: "MD4" })],
    ["with a stream for a body", "body", put({ Body: Readable.from(["content"]), ContentLength: 7 })],
    ["with a web stream for a body", "body", put({ Body: new Blob(["content"]).stream(), ContentLength: 7 })],
    ["to an access point", "bucket", headOf(arn)],
    ["to an access point's alias", "bucket", headOf("reports-abcdefghijk-s3alias")],
    ["to a directory bucket", "bucket", headOf("reports--use1-az4--x-s3")],
    ["to an Outposts bucket", "bucket", headOf("reports--op-s3")],
    ["to what can be no bucket", "bucket", headOf("Reports_")],
    ["with options that are not the lane's", "options", put(), { abortSignal: signal, cache: "no-store" }],
    ["with a time-out that is none", "options", put(), { requestTimeout: -1 }],
  ])("%s: %s", async (_, reason, command, options) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const service = await rawService(answers());
    const pool = poolAt(service.url);

    await pool.send(command as never, options as never).catch(() => {});

    expect(pool.stats().lanes).toMatchObject({ fast: 0, diversions: { [reason]: 1 } });
  });

  it.each<[name: string, adding: (client: S3Client, command: PutObjectCommand, run: () => void) => void]>([
    ["a client", (client, _, run) => client.middlewareStack.add(running(run), { step: "build", name: "own" })],
    ["a client, without a name", (client, _, run) => client.middlewareStack.add(running(run), { step: "build" })],
    [
      "a client, beside another",
      (client, _, run) =>
        client.middlewareStack.addRelativeTo(running(run), { relation: "after", toMiddleware: "retryMiddleware" }),
    ],
    [
      "a client, as a plugin",
      (client, _, run) =>
        client.middlewareStack.use({
          applyToStack: (stack) => stack.add(running(run), { step: "build", name: "own" }),
        }),
    ],
    ["a command", (_, command, run) => command.middlewareStack.add(running(run), { step: "build", name: "own" })],
  ])("when the caller has put middleware on %s", async (_, adding) => {
    const service = await rawService(answers());
    const pool = poolAt(service.url);
    const command = put();
    let runs = 0;

    await pool.lease(async (client) => {
      adding(client, command, () => {
        runs += 1;
      });
      await client.send(command);
    });

    expect(runs).toBe(1);
    expect(pool.stats().lanes.diversions).toEqual({ middleware: 1 });
  });

  it("when the caller has taken middleware off a client", async () => {
    const service = await rawService(answers());
    const pool = poolAt(service.url);

    await pool.lease((client) => {
      client.middlewareStack.remove("loggerMiddleware");
      return client.send(put());
    });

    expect(pool.stats().lanes.diversions).toEqual({ middleware: 1 });
  });

  it("when the environment asks for another retry mode", async () => {
    environment({ AWS_RETRY_MODE: "adaptive" });
    const service = await rawService(answers());
    const pool = poolAt(service.url);

    await pool.send(put());

    expect(pool.stats().lanes.diversions).toEqual({ "retry-mode": 1 });
  });

  it("when the SDK cannot make a request to this bucket, and then its error is the caller's", async () => {
    const service = await rawService(answers());
    const pool = poolAt(service.url, { endpoint: undefined, forcePathStyle: false, useAccelerateEndpoint: true });

    await expect(pool.send(put({ Bucket: "dotted.reports" }))).rejects.toThrow(/accelerate/i);

    expect(pool.stats().lanes.diversions).toEqual({ endpoint: 1 });
  });

  it("when there are no credentials, and then the Keeper's error is the caller's", async () => {
    const pool = poolAt("http://127.0.0.1:1", {
      credentials: async () => {
        throw new Error("the vault is sealed");
      },
    });

    await expect(pool.send(put())).rejects.toThrow("the vault is sealed");

    expect(pool.stats().lanes).toMatchObject({ fast: 0, diversions: { endpoint: 1 } });
  });

  it("when the SDK makes another request than the lane would", async () => {
    // In AWS Lambda it adds a header of which the lane knows nothing.
    environment({ AWS_LAMBDA_FUNCTION_NAME: "reporting", _X_AMZN_TRACE_ID: "Root=1-5759e988" });
    const service = await rawService(answers());
    const pool = poolAt(service.url);

    await pool.send(put());

    expect(pool.stats().lanes.diversions).toEqual({ "sdk-differs": 1 });
    expect(service.heads[0]).toMatch(/x-amzn-trace-id: Root=1-5759e988/i);
  });
});

const running =
  (run: () => void) =>
  <Args, Output>(next: (args: Args) => Promise<Output>) =>
  (args: Args): Promise<Output> => {
    run();
    return next(args);
  };

describe("what the fast lane does not finish itself", () => {
  it("is counted, and the SDK lane goes on with it without asking the service again", async () => {
    const service = await rawService(refuses("404 Not Found", "NoSuchKey"), answers());
    const pool = poolAt(service.url, { maxAttempts: 3 });

    await expect(pool.send(get())).rejects.toThrow(NoSuchKey);
    await pool.send(put());

    expect(service.heads).toHaveLength(2);
    expect(pool.stats().lanes).toEqual({ fast: 2, handedOver: 1, sdk: 0, diversions: {} });
  });
});

const IDS = { "x-amz-request-id": "REQUEST", "x-amz-id-2": "HOST", "x-amz-cf-id": "EDGE" };

describe("an output of the fast lane", () => {
  it("has the SDK's metadata: status, request ids, attempts", async () => {
    const { fast, sdk } = await inBothLanes([answers({ headers: { ...IDS, etag: '"e"' } })], (pool) =>
      pool.send(put()),
    );

    expect(fast.result).toEqual(sdk.result);
    expect(fast.lanes).toMatchObject({ fast: 1, sdk: 0 });
    expect(fast.result).toEqual({
      ETag: '"e"',
      $metadata: {
        httpStatusCode: 200,
        requestId: "REQUEST",
        extendedRequestId: "HOST",
        cfId: "EDGE",
        attempts: 1,
        totalRetryDelay: 0,
      },
    });
  });

  it("has the members that come in headers, parsed as the SDK does", async () => {
    const headers = {
      ...IDS,
      etag: '"e"',
      "last-modified": "Wed, 25 Nov 2026 12:00:00 GMT",
      expires: "not a date",
      "content-type": "text/csv",
      "content-range": "bytes 0-6/7",
      "accept-ranges": "bytes",
      "cache-control": "no-cache",
      "x-amz-meta-one": "1",
      "x-amz-meta-two": "two",
      "x-amz-missing-meta": "3",
      "x-amz-mp-parts-count": "4",
      "x-amz-restore": 'ongoing-request="false"',
      "x-amz-server-side-encryption-bucket-key-enabled": "true",
      "x-amz-object-lock-retain-until-date": "2030-01-01T00:00:00.000Z",
      "x-amz-something-new": "unknown",
    };
    const { fast, sdk } = await inBothLanes([answers({ body: "content", headers })], async (pool) => {
      const { Body, ...rest } = await pool.send(get());
      return { ...rest, Body: await Body?.transformToString() };
    });

    expect(fast.result).toEqual(sdk.result);
    expect(fast.result).toMatchObject({
      ContentLength: 7,
      LastModified: new Date("2026-11-25T12:00:00Z"),
      ExpiresString: "not a date",
      Metadata: { one: "1", two: "two" },
      MissingMeta: 3,
      BucketKeyEnabled: true,
      Body: "content",
    });
  });

  it.each(["2026-11-25", "Thu, 01 Jan 1970 00:00:00 GMT", "0"])(
    "takes what S3 says of Expires, %j, as the SDK does",
    async (expires) => {
      vi.spyOn(console, "warn").mockImplementation(() => {});
      const { fast, sdk } = await inBothLanes([answers({ headers: { expires } })], (pool) =>
        pool.send(new HeadObjectCommand(OF_OBJECT)),
      );

      expect(fast.result).toEqual(sdk.result);
    },
  );

  it("has a list's entries, with what is escaped and what is empty", async () => {
    const body = `<?xml version="1.0" encoding="UTF-8"?>
      <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>reports</Name><Prefix></Prefix>
      <KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>
      <Contents><Key>a &amp; &lt;b&gt; &#xD;&#10;</Key><LastModified>2026-11-25T12:00:00.000Z</LastModified>
      <ETag>&quot;e&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>
      <Contents><Key> ü </Key><Size>0</Size></Contents>
      <CommonPrefixes><Prefix>2026/</Prefix></CommonPrefixes></ListBucketResult>`;
    const { fast, sdk } = await inBothLanes([answers({ body, headers: IDS })], (pool) =>
      pool.send(new ListObjectsV2Command({ Bucket: "reports" })),
    );

    expect(fast.result).toEqual(sdk.result);
    expect(fast.result.Contents?.map(({ Key }) => Key)).toEqual(["a & <b> \r\n", " ü "]);
  });
});

/** What of bytes is theirs alone: nobody who changes them, or keeps them, has anything to do with others'. */
const kindOf = (bytes: Uint8Array | undefined) => [
  bytes?.constructor.name,
  bytes?.byteOffset,
  bytes?.buffer.byteLength,
];

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return (error as Error).message;
  }
}

describe("the body of a download in the fast lane", () => {
  const CONTENT = "Grüße, content";
  const reading: readonly [string, (output: GetObjectCommandOutput) => Promise<unknown>][] = [
    ["text", async ({ Body }) => Body?.transformToString()],
    ["text in another encoding", async ({ Body }) => Body?.transformToString("base64")],
    ["bytes", async ({ Body }) => Body?.transformToByteArray()],
    ["text in an encoding of the Web's", async ({ Body }) => Body?.transformToString("utf-16be")],
    ["bytes of their own", async ({ Body }) => kindOf(await Body?.transformToByteArray())],
    [
      "bytes, while somebody counts them",
      async ({ Body }) => {
        let seen = 0;
        const bytes = Body?.transformToByteArray();
        (Body as Readable).on("data", (chunk: Buffer) => {
          seen += chunk.byteLength;
        });
        return [await bytes, seen];
      },
    ],
    [
      "bytes, once it has been stopped",
      async ({ Body }) => {
        (Body as Readable).pause();
        return Body?.transformToByteArray();
      },
    ],
    [
      "the bytes that are left of it",
      async ({ Body }) => {
        await once(Body as Readable, "readable");
        return [(Body as Readable).read(3), await Body?.transformToByteArray()];
      },
    ],
    [
      "bytes of the text that it was told to give",
      async ({ Body }) => {
        (Body as Readable).setEncoding("latin1");
        return Body?.transformToByteArray();
      },
    ],
    [
      "text, and is over then",
      async ({ Body }) => {
        const over = once(Body as Readable, "close");
        await Body?.transformToString();
        await over;
        const { readableEnded, destroyed, errored } = Body as Readable;
        return { readableEnded, destroyed, errored };
      },
    ],
    ["a web stream", async ({ Body }) => new Response(Body?.transformToWebStream() as never).text()],
    ["a stream of Node.js", async ({ Body }) => Buffer.concat(await (Body as Readable).toArray()).toString()],
    [
      "text, twice",
      async ({ Body }) => {
        await Body?.transformToString();
        return Body?.transformToString().catch((error: Error) => error.message);
      },
    ],
    [
      "text, and not as a web stream as well",
      async ({ Body }) => {
        await Body?.transformToString();
        return thrownBy(() => Body?.transformToWebStream());
      },
    ],
    [
      "a web stream, and not as text as well",
      async ({ Body }) => {
        Body?.transformToWebStream();
        return Body?.transformToString().catch((error: Error) => error.message);
      },
    ],
  ];
  const inPieces: Behaviour = async ({ socket, body }) => {
    await body();
    const answer = Buffer.from(answerOf({ body: CONTENT }));
    socket.write(answer.subarray(0, -5));
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(answer.subarray(-5));
  };
  const coming: readonly [string, Behaviour][] = [
    ["at once", answers({ body: CONTENT })],
    ["in pieces", inPieces],
  ];

  it.each(coming.flatMap(([how, behaviour]) => reading.map(([what, read]) => [what, how, behaviour, read] as const)))(
    "can be read as %s, as in the SDK lane, when it comes %s",
    async (_, __, behaviour, read) => {
      const { fast, sdk } = await inBothLanes([behaviour], async (pool) => read(await pool.send(get())));

      expect(fast.result).toEqual(sdk.result);
      expect(fast.result).toBeTruthy();
    },
  );

  it("is empty text where there is nothing", async () => {
    const { fast, sdk } = await inBothLanes([answers()], async (pool) =>
      (await pool.send(get())).Body?.transformToString(),
    );

    expect(fast.result).toBe(sdk.result);
    expect(fast.result).toBe("");
  });

  it("is a stream of Node.js that ends, empty or not", async () => {
    const { fast, sdk } = await inBothLanes([answers()], async (pool) => {
      const { Body } = await pool.send(get());
      return [Body instanceof Readable, await (Body as Readable).toArray()];
    });

    expect(fast.result).toEqual(sdk.result);
    expect(fast.result).toEqual([true, []]);
  });
});

describe("an error of the fast lane", () => {
  const error = (status: string, xml: string, headers = {}): RawAnswer => ({
    status,
    headers: { ...IDS, "content-type": "application/xml", ...headers },
    body: xml === "" ? "" : `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${xml}</Error>`,
  });
  const head = new HeadObjectCommand(OF_OBJECT);

  it.each<[name: string, RawAnswer, command: object, of: new (options: never) => Error, fields: object]>([
    [
      "NoSuchKey",
      error("404 Not Found", "<Code>NoSuchKey</Code><Message>no such key</Message><Key>2026/11.csv</Key>"),
      get(),
      NoSuchKey,
      { message: "no such key", $fault: "client", Key: "2026/11.csv" },
    ],
    [
      "InvalidObjectState",
      error(
        "403 Forbidden",
        "<Code>InvalidObjectState</Code><Message>in the archive</Message><StorageClass>GLACIER</StorageClass>",
      ),
      get(),
      InvalidObjectState,
      { StorageClass: "GLACIER" },
    ],
    ["NotFound", error("404 Not Found", ""), head, NotFound, { $fault: "client" }],
    [
      "AccessDenied",
      error("403 Forbidden", "<Code>AccessDenied</Code><Message>no</Message><HostId>h</HostId>"),
      put(),
      S3ServiceException,
      { Code: "AccessDenied", $fault: "client" },
    ],
    [
      "PreconditionFailed",
      error("412 Precondition Failed", "<Code>PreconditionFailed</Code><Condition>If-None-Match</Condition>"),
      put({ IfNoneMatch: "*" }),
      S3ServiceException,
      { Condition: "If-None-Match" },
    ],
    [
      "InternalError",
      error("500 Internal Server Error", "<Code>InternalError</Code>"),
      put(),
      S3ServiceException,
      { $fault: "server" },
    ],
    ["NotModified", error("304 Not Modified", ""), get(), S3ServiceException, {}],
  ])("is the SDK's %s, with the same fields", async (name, answer, command, of, fields) => {
    const { fast, sdk } = await inBothLanes([answers(answer)], (pool) =>
      pool.send(command as never).then(
        () => undefined,
        (thrown: Error) => thrown,
      ),
    );

    expect(fast.result).toBeInstanceOf(of);
    expect(fast.result).toBeInstanceOf(S3ServiceException);
    expect({ ...fast.result }).toEqual({ ...sdk.result });
    expect(fast.result).toMatchObject({ name: sdk.result?.name, message: sdk.result?.message, ...fields });
    expect(fast.result).toMatchObject({ $metadata: { requestId: "REQUEST", extendedRequestId: "HOST", attempts: 1 } });
    if (name !== "NotModified") expect(fast.result?.name).toBe(name);
    expect(fast.lanes).toMatchObject({ fast: 1, handedOver: 1 });
  });
});

describe("a bucket that is in another region", () => {
  const elsewhere: RawAnswer = {
    status: "301 Moved Permanently",
    headers: { "x-amz-bucket-region": "eu-west-1", "content-type": "application/xml" },
    body: "<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>",
  };
  const service: Behaviour = (exchange) =>
    answers(exchange.head.includes("/eu-west-1/s3/") ? { headers: { etag: '"e"' } } : elsewhere)(exchange);
  const regions = (heads: readonly string[]) => heads.map((sent) => /\/([^/]+)\/s3\/aws4_request/.exec(sent)?.[1]);

  it.each([
    ["a put", () => put()],
    ["a get", get],
    ["a list", () => new ListObjectsV2Command({ Bucket: "reports" })],
  ])("is found by %s when redirects are followed, as the SDK does", async (_, command) => {
    const send = async (pool: S3Pool) => {
      await pool.send(command() as never);
      return pool.send(new HeadObjectCommand(OF_OBJECT));
    };
    const { fast, sdk } = await inBothLanes([service], send, { followRegionRedirects: true });

    expect(fast.result).toEqual(sdk.result);
    expect(fast.result).toMatchObject({ ETag: '"e"' });
    expect(regions(fast.heads)).toEqual(regions(sdk.heads));
    expect(regions(fast.heads)).toEqual(["us-east-1", "eu-west-1", "us-east-1", "eu-west-1"]);
  });

  it("is the caller's to find when they are not", async () => {
    const { fast, sdk } = await inBothLanes([service], (pool) => pool.send(put()).catch((error: Error) => error));

    expect(fast.result).toMatchObject({ name: "PermanentRedirect", $metadata: { httpStatusCode: 301 } });
    expect({ ...fast.result }).toEqual({ ...sdk.result });
    expect(fast.heads).toHaveLength(1);
  });
});
