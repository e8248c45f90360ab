import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError, VirtualClock } from "@evertoken/core";
import { PortInUseError, startSimulator } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";
import { imdsOf, s3Of, simulated } from "./instance.js";

describe("starting a simulator", () => {
  it("takes free ports, so that many run side by side", async () => {
    const all = await Promise.all([simulated(), simulated(), simulated()]);

    const urls = all.flatMap(({ simulator }) => [simulator.imdsUrl, simulator.s3Url]);

    expect(new Set(urls).size).toBe(6);
    for (const url of urls) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });

  it("takes the ports it is given, and says which one is in use", async () => {
    const { simulator } = await simulated();
    const port = Number(new URL(simulator.s3Url).port);

    const second = startSimulator({ s3Port: port });

    await expect(second).rejects.toThrow(PortInUseError);
    await expect(second).rejects.toThrow(`port ${port} for S3 is in use`);
  });

  it("tells the environment in which an AWS SDK finds it", async () => {
    const { simulator } = await simulated({ region: "eu-central-1" });

    expect(simulator.environment()).toEqual({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl,
      AWS_ENDPOINT_URL_S3: simulator.s3Url,
      AWS_REGION: "eu-central-1",
    });
  });

  it.each([
    [{ imdsPort: 65_536 }, "imdsPort is 65536"],
    [{ s3Port: -1 }, "s3Port is -1"],
    [{ speed: 0 }, "speed is 0"],
    [{ speed: 2, clock: new VirtualClock() }, "speed is given together with clock"],
    [{ credentialLifetimeMs: -5 }, "credentialLifetimeMs is -5"],
    [{ credentialLifetimeMs: 60_000, rotationIntervalMs: 90_000 }, "rotationIntervalMs is 90000: expected at most"],
    [{ roleName: "my role" }, 'roleName is "my role"'],
    [{ createBuckets: "yes" }, "createBuckets must be true or false"],
    [{ port: 80 }, "port"],
  ])("with %j is refused", async (options, says) => {
    const start = startSimulator(options as never);

    await expect(start).rejects.toThrow(InvalidInputError);
    await expect(start).rejects.toThrow(says);
  });
});

describe("further endpoints", () => {
  it("lead to the same services and are told apart in the journal", async () => {
    const { simulator } = await simulated();
    const lane = await simulator.openEndpoints("lane");

    const here = await imdsOf(simulator).credentials();
    const there = await imdsOf(lane).credentials();

    expect(there.AccessKeyId).toBe(here.AccessKeyId);
    expect(simulator.journal.count("imds", "default").requests).toBe(2);
    expect(simulator.journal.count("imds", "lane")).toEqual({
      requests: 2,
      byOperation: { token: 1, credentials: 1 },
    });
  });
});

describe("closing a simulator", () => {
  it("ends all connections and timers, and may be done twice", async () => {
    const { simulator, clock, imds } = await simulated({ timeline: [{ fault: "imds-down", fromHours: 5 }] });
    await imds.token();

    await simulator.close();
    await simulator.close();

    expect(clock.pending).toBe(0);
    await expect(imds.token()).rejects.toThrow();
    await expect(simulator.openEndpoints("late")).rejects.toThrow(ClosedError);
  });
});

describe("the journal", () => {
  it("numbers all requests, names the operation and tells the credential's generation", async () => {
    const { simulator } = await simulated();
    const s3 = await s3Of(simulator);
    await s3.send(new PutObjectCommand({ Bucket: "reports", Key: "a b", Body: "content" }));
    await s3.send(new GetObjectCommand({ Bucket: "reports", Key: "missing" })).catch(() => {});

    expect(simulator.journal.entries(({ service }) => service === "s3")).toEqual([
      expect.objectContaining({
        number: 3,
        client: "default",
        operation: "PutObject",
        method: "PUT",
        path: "/reports/a%20b?x-id=PutObject",
        status: 200,
        decision: "ok",
        generation: 1,
        requestId: expect.stringMatching(/^[0-9A-Z]{16}$/),
      }),
      expect.objectContaining({ number: 4, operation: "GetObject", status: 404, decision: "NoSuchKey" }),
    ]);
  });

  it("tells who listens of each entry", async () => {
    const { simulator, imds } = await simulated();
    const heard: string[] = [];
    simulator.journal.on("entry", ({ operation }) => heard.push(operation));

    await imds.credentials();

    expect(heard).toEqual(["token", "credentials"]);
  });
});
