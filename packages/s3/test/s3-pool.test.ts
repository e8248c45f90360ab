import { spawnSync } from "node:child_process";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { ListBucketsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError, VirtualClock } from "@evertoken/core";
import { CredentialsUnavailableError, createKeeper, fromImds } from "@evertoken/credentials";
import { createS3Pool, type S3PoolOptions } from "@evertoken/s3";
import { followClock, type Simulator, startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

const HOUR = 3_600_000;
const put = (index: number) => new PutObjectCommand({ Bucket: "reports", Key: `key-${index}`, Body: "content" });
const hundred = Array.from({ length: 100 }, (_, index) => index);

/** A pool as a service on an instance makes it: everything by default, IMDS found through the environment. */
function poolOn(simulator: Simulator, options: S3PoolOptions = {}) {
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
  const pool = createS3Pool({ region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, ...options });
  onTestFinished(async () => {
    delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
    await pool.close({ drainMs: 100 });
  });
  return pool;
}

async function simulated(...options: Parameters<typeof startSimulator>) {
  const simulator = await startSimulator(...options);
  onTestFinished(() => simulator.close());
  return simulator;
}

describe("a hundred pooled clients", () => {
  it("make three requests to IMDS when they all start at once", async () => {
    const simulator = await simulated();
    const pool = poolOn(simulator);

    await Promise.all(hundred.map((index) => pool.send(put(index))));

    expect(pool.stats()).toMatchObject({ size: 100, created: 100, failed: 0 });
    expect(simulator.journal.count("imds", "default")).toEqual({
      requests: 3,
      byOperation: { token: 1, "extended-role-list": 1, "extended-credentials": 1 },
    });
  });

  it("make at most two requests to IMDS for a rotation, and no request fails", async () => {
    const clock = new VirtualClock();
    onTestFinished(followClock(clock));
    const simulator = await simulated({ clock });
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
    const keeper = createKeeper({ clock });
    onTestFinished(() => keeper.close());
    const pool = poolOn(simulator, { keeper, clock });
    await Promise.all(hundred.map((index) => pool.send(put(index))));
    // Right before the rotation, with the last reading of the source behind us.
    await clock.advance(HOUR - 5 * 60_000);
    await Promise.all(hundred.map((index) => pool.send(put(index))));
    const before = simulator.journal.count("imds", "default").requests;
    const rotated = new Promise<void>((resolve) => keeper.on("rotated", () => resolve()));
    while (keeper.status().generation === 1) {
      await clock.advance(60_000);
      await Promise.race([rotated, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    await Promise.all(hundred.map((index) => pool.send(put(index))));

    const watched = simulator.journal
      .entries(({ service, number }) => service === "imds" && number > 0)
      .filter(({ generation }) => generation === 2);
    expect(watched.length).toBeLessThanOrEqual(2);
    expect(simulator.journal.count("imds", "default").requests - before).toBeLessThanOrEqual(4);
    expect(pool.stats()).toMatchObject({ sent: 300, failed: 0 });
  });

  it("share their connections, at most as many as they are allowed", async () => {
    const simulator = await simulated();
    const seen = await countConnections(simulator);
    const pool = poolOn(simulator, { endpoint: seen.url, maxConnections: 7 });

    for (let round = 0; round < 5; round++) await Promise.all(hundred.map((index) => pool.send(put(index))));

    expect(seen.connections()).toBeLessThanOrEqual(7);
    expect(pool.stats().failed).toBe(0);
  });
});

describe("what the environment says to AWS SDKs", () => {
  it("holds for each client of a pool", async () => {
    process.env.AWS_MAX_ATTEMPTS = "2";
    process.env.AWS_SDK_UA_APP_ID = "reporting";
    onTestFinished(() => {
      delete process.env.AWS_MAX_ATTEMPTS;
      delete process.env.AWS_SDK_UA_APP_ID;
    });
    const simulator = await simulated();
    const agents: string[] = [];
    const broken = createServer((incoming, outgoing) => {
      agents.push(String(incoming.headers["user-agent"]));
      outgoing.writeHead(503).end();
    });
    await listening(broken);
    const pool = poolOn(simulator, { endpoint: urlOf(broken), size: 3, choice: "round-robin" });
    const list = () => pool.send(new ListBucketsCommand());

    const errors = await Promise.all([1, 2, 3].map(() => list().catch((error) => error)));

    expect(pool.stats().members.map(({ sent }) => sent)).toEqual([1, 1, 1]);
    expect(errors.map(({ $metadata }) => $metadata.attempts)).toEqual([2, 2, 2]);
    expect(agents.filter((agent) => agent.includes("app/reporting"))).toHaveLength(6);
  });
});

/** A server in front of S3 that counts connections. It answers by itself: only the connections are of interest. */
async function countConnections(_: Simulator): Promise<{ url: string; connections: () => number }> {
  let connections = 0;
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    incoming.on("end", () => outgoing.writeHead(200, { etag: '"e"' }).end());
  });
  server.on("connection", () => {
    connections += 1;
  });
  await listening(server);
  return { url: urlOf(server), connections: () => connections };
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
}

const urlOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

describe("a pool whose IMDS cannot be reached", () => {
  it("tells where, how often and what to check, within the documented time", async () => {
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = "http://127.0.0.1:1";
    const pool = createS3Pool({ region: "us-east-1" });
    onTestFinished(async () => {
      delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
      await pool.close();
    });

    const error = await pool.send(new ListBucketsCommand()).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(CredentialsUnavailableError);
    expect(String(error)).toContain(
      "IMDS at http://127.0.0.1:1 did not answer PUT /latest/api/token (3 attempts of 1000 ms",
    );
    expect(String(error)).toContain("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  });

  it("recovers by itself when IMDS is back", async () => {
    const simulator = await simulated();
    const outage = simulator.fault("imds-down");
    const pool = poolOn(simulator);
    await expect(pool.send(put(1))).rejects.toThrow(CredentialsUnavailableError);

    outage.end();

    await expect(pool.send(put(1))).resolves.toBeTruthy();
  });
});

describe("a pool on endpoints that are not our simulator's", () => {
  it("needs nothing of them but the protocols", async () => {
    let issued = 1;
    // The least an IMDS may be: the legacy path, no Date, no keep-alive, unknown fields in the document.
    const imds = createServer((incoming, outgoing) => {
      outgoing.sendDate = false;
      outgoing.setHeader("connection", "close");
      const role = "/latest/meta-data/iam/security-credentials/";
      if (incoming.method === "PUT" && incoming.url === "/latest/api/token") outgoing.end("opaque==");
      else if (incoming.headers["x-aws-ec2-metadata-token"] !== "opaque==") outgoing.writeHead(401).end();
      else if (incoming.url === role) outgoing.end("service-role\n");
      else if (incoming.url === `${role}service-role`) outgoing.end(JSON.stringify(documentOf(issued)));
      else outgoing.writeHead(404).end("Not Found");
    });
    // An S3 that knows the newest key only, and answers chunked.
    const s3 = createServer((incoming, outgoing) => {
      incoming.resume();
      const good = incoming.headers.authorization?.includes(`Credential=ASIAOTHER${issued}/`);
      outgoing.writeHead(good ? 200 : 400, { "content-type": "application/xml" });
      outgoing.write(
        good ? "" : "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
      );
      incoming.on("end", () => outgoing.end());
    });
    await Promise.all([listening(imds), listening(s3)]);
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = `${urlOf(imds)}/`;
    const pool = createS3Pool({ region: "eu-central-1", endpoint: urlOf(s3), forcePathStyle: true });
    onTestFinished(async () => {
      delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
      await pool.close();
    });
    await Promise.all(hundred.map((index) => pool.send(put(index))));

    issued = 2;
    await Promise.all(hundred.map((index) => pool.send(put(index))));

    expect(pool.stats()).toMatchObject({ sent: 200, failed: 0, surfaced: 0 });
    expect(pool.stats().replayed).toBeGreaterThan(0);
  });
});

function documentOf(issued: number) {
  return {
    Code: "Success",
    Type: "AWS-HMAC",
    AccessKeyId: `ASIAOTHER${issued}`,
    SecretAccessKey: "secret",
    Token: `token-${issued}`,
    Expiration: new Date(Date.now() + 6 * HOUR).toISOString(),
    SomethingNew: true,
  };
}

describe("time-outs of a pool", () => {
  it("end a request to a service that stays silent", async () => {
    const simulator = await simulated();
    const silent = createServer(() => {});
    await listening(silent);
    const pool = poolOn(simulator, { endpoint: urlOf(silent), requestTimeoutMs: 200 });
    const sending = pool.lease((client) => {
      client.config.maxAttempts = async () => 1;
      return client.send(new ListBucketsCommand());
    });

    await expect(sending).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

describe("credentials of a pool", () => {
  it("may come from any provider of the AWS SDK", async () => {
    const simulator = await simulated();
    const identity = await createKeeper({ source: fromImds({ endpoint: simulator.imdsUrl }) }).provider();
    const pool = poolOn(simulator, { credentials: async () => identity });
    const before = simulator.journal.count("imds", "default").requests;

    await pool.send(put(1));

    expect(simulator.journal.count("imds", "default").requests).toBe(before);
  });
});

describe("closing an S3 pool", () => {
  it("ends its connections and its own Keeper, and leaves one that was handed in open", async () => {
    const simulator = await simulated();
    const sockets = new Set<Socket>();
    const keeper = createKeeper({ source: fromImds({ endpoint: simulator.imdsUrl }) });
    onTestFinished(() => keeper.close());
    const server = createServer((_, outgoing) => outgoing.end("<ListAllMyBucketsResult/>"));
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    });
    await listening(server);
    const pool = createS3Pool({ region: "us-east-1", endpoint: urlOf(server), keeper });
    await pool.send(new ListBucketsCommand());

    await pool.close();
    while (sockets.size > 0) await new Promise((resolve) => setImmediate(resolve));

    await expect(pool.send(new ListBucketsCommand())).rejects.toThrow(ClosedError);
    await expect(keeper.provider()).resolves.toBeTruthy();
  });

  it("is not needed for a process to end", async () => {
    const simulator = await simulated();
    const script = `
      import { PutObjectCommand } from "@aws-sdk/client-s3";
      import { createS3Pool } from "@evertoken/s3";
      const pool = createS3Pool({ region: "us-east-1", forcePathStyle: true, size: 10 });
      await Promise.all(Array.from({ length: 20 }, (_, index) =>
        pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key-" + index, Body: "content" }))));
      console.log("done");
    `;

    const { spawn } = await import("node:child_process");
    const child = spawn(process.execPath, ["--no-warnings", "--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      env: { ...process.env, ...simulator.environment() },
      timeout: 15_000,
    });
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text: Buffer) => {
        printed += text.toString();
      });
    }
    const code = await new Promise((resolve) => child.on("close", resolve));

    expect(printed).toBe("done\n");
    expect(code).toBe(0);
  });
});

describe("the options of an S3 pool", () => {
  it.each([
    [{ region: "mars" }, 'region is "mars"'],
    [{ region: "" }, 'region is ""'],
    [{ size: 0 }, "size is 0"],
    [{ connectTimeoutMs: -1 }, "connectTimeoutMs is -1"],
    [{ requestTimeoutMs: -60_000 }, "requestTimeoutMs is -60000"],
    [{ requestTimeoutMs: "60s" }, "requestTimeoutMs must be a number"],
    [{ maxConnections: 0 }, "maxConnections is 0"],
    [{ endpoint: "localhost:9000" }, 'endpoint is "localhost:9000"'],
    [{ forcePathStyle: 1 }, "forcePathStyle must be true or false"],
    [{ keeper: createKeeper(), credentials: async () => ({}) }, "credentials is given together with keeper"],
    [{ maxSockets: 50 }, "maxSockets"],
  ])("are refused at construction when they are wrong (%#)", (options, says) => {
    const create = () => createS3Pool({ region: "us-east-1", ...options } as never);

    expect(create).toThrow(InvalidInputError);
    expect(create).toThrow(says);
  });

  it("need a region, by option or environment", () => {
    delete process.env.AWS_REGION;
    expect(() => createS3Pool()).toThrow(/region is missing, and AWS_REGION is not set/);
    process.env.AWS_REGION = "moon";
    expect(() => createS3Pool()).toThrow(/AWS_REGION=moon expected/);
    delete process.env.AWS_REGION;
  });
});

it("importing the package starts nothing that keeps a process alive", () => {
  const args = ["--no-warnings", "--input-type=module", "-e", 'await import("@evertoken/s3"); console.log("imported")'];

  const child = spawnSync(process.execPath, args, { cwd: import.meta.dirname, encoding: "utf8", timeout: 15_000 });

  expect(child.stdout).toBe("imported\n");
});
