import { execFile as execFileWithCallback } from "node:child_process";
import { promisify } from "node:util";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { ClosedError, InvalidInputError, VirtualClock } from "@evertoken/core";
import { PortInUseError, startSimulator } from "@evertoken/simulator";
import { describe, expect, it } from "vitest";
import { imdsOf, s3Of, simulated } from "./instance.js";

const execFile = promisify(execFileWithCallback);

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

  it("gives back the port that it had when the other is in use", async () => {
    const { simulator } = await simulated();
    const free = await simulated();
    const imdsPort = Number(new URL(free.simulator.imdsUrl).port);
    await free.simulator.close();

    await expect(startSimulator({ imdsPort, s3Port: Number(new URL(simulator.s3Url).port) })).rejects.toThrow(
      PortInUseError,
    );

    const { simulator: second } = await simulated({ imdsPort });
    expect(second.imdsUrl).toBe(free.simulator.imdsUrl);
  });

  it("with short credentials rotates them well before their end", async () => {
    const { imds, clock } = await simulated({ credentialLifetimeMs: 20 * 60_000 });
    for (let minute = 0; minute < 120; minute++) {
      const { Expiration: expiration } = await imds.credentials();

      // EC2 promises five minutes.
      expect(Date.parse(expiration) - clock.now()).toBeGreaterThan(5 * 60_000);
      await clock.advance(60_000);
    }
  });

  it("tells the environment in which an AWS SDK finds it", async () => {
    const { simulator } = await simulated({ region: "eu-central-1" });

    expect(simulator.environment()).toEqual({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl,
      AWS_ENDPOINT_URL_S3: simulator.s3Url,
      AWS_ENDPOINT_URL_STS: simulator.stsUrl,
      AWS_REGION: "eu-central-1",
      AWS_DEFAULT_REGION: "eu-central-1",
    });
  });

  it.each([
    [{ imdsPort: 65_536 }, "imdsPort is 65536"],
    [{ s3Port: -1 }, "s3Port is -1"],
    [{ speed: 0 }, "speed is 0"],
    [{ clock: {} }, "clock must be a Clock"],
    [{ speed: 2, clock: new VirtualClock() }, "speed is given together with clock"],
    [{ credentialLifetimeMs: -5 }, "credentialLifetimeMs is -5"],
    [{ credentialLifetimeMs: 60_000, rotationIntervalMs: 90_000 }, "rotationIntervalMs is 90000: expected at most"],
    [{ roleName: "my role" }, 'roleName is "my role"'],
    [{ createBuckets: "yes" }, "createBuckets must be true or false"],
    [{ port: 80 }, "port is not known: mind its spelling"],
    [{ imdsPort: "1338" }, 'imdsPort is "1338": expected a whole number'],
    [{ region: "../.." }, 'region is "../..": expected the name of a region'],
    [
      { timeline: [{ fault: "imds-dwon", fromHours: 0 }] },
      'timeline[0].fault is "imds-dwon": expected one of imds-down, ',
    ],
    [null, "options are null: expected an object"],
    ["poisoned-pool", 'options are "poisoned-pool": expected an object'],
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

describe("the environment of further endpoints", () => {
  it("leads to them", async () => {
    const { simulator } = await simulated();
    const lane = await simulator.openEndpoints("lane");

    expect(simulator.environment("lane")).toEqual({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: lane.imdsUrl,
      AWS_ENDPOINT_URL_S3: lane.s3Url,
      AWS_ENDPOINT_URL_STS: lane.stsUrl,
      AWS_REGION: "us-east-1",
      AWS_DEFAULT_REGION: "us-east-1",
    });
  });

  it("of a client that has none is refused with the clients there are", async () => {
    const { simulator } = await simulated();
    await simulator.openEndpoints("lane");

    expect(() => simulator.environment("line")).toThrow('client is "line": expected one of default, lane');
  });

  it("needs a label to tell the client by", async () => {
    const { simulator } = await simulated();

    await expect(simulator.openEndpoints("")).rejects.toThrow("openEndpoints: client must not be empty");
  });
});

describe("closing a simulator", () => {
  it("while further endpoints are being opened leaves nothing behind that keeps a process alive", async () => {
    const program = `
      import { startSimulator } from "@evertoken/simulator";
      const simulator = await startSimulator();
      const opening = simulator.openEndpoints("late").catch((error) => console.log(error.name));
      await simulator.close();
      await opening;
    `;

    const { stdout } = await execFile(process.execPath, ["--input-type=module", "--eval", program], {
      cwd: import.meta.dirname,
      timeout: 10_000,
    });

    expect(stdout.trim()).toBe("ClosedError");
  });

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
