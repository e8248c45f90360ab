import { InvalidInputError, VirtualClock } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import { describe, expect, it, onTestFinished } from "vitest";
import { CREDENTIALS, imdsOf, simulated } from "./instance.js";
import { hasIpv6, withEnvironment } from "./sdk.js";

const ID = "/latest/meta-data/instance-id";
const PUT = ["PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "60" }] as const;

/** Whether an answer comes at all, within what is long for loopback. */
async function answered(url: string, init: RequestInit): Promise<number | "no answer"> {
  try {
    return (await fetch(url, { ...init, signal: AbortSignal.timeout(150) })).status;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") return "no answer";
    throw error;
  }
}

describe("an instance that allows IMDSv1", () => {
  it("answers without a session token, and says in the journal that it was v1", async () => {
    const { imds, simulator } = await simulated({ metadataOptions: { httpTokens: "optional" } });

    const answer = await imds.request("GET", ID);

    expect(answer.status).toBe(200);
    expect(simulator.journal.entries().at(-1)).toMatchObject({ decision: "ok, IMDSv1" });
  });

  it("still refuses a token that is shown and is no good", async () => {
    const { imds } = await simulated({ metadataOptions: { httpTokens: "optional" } });

    expect((await imds.get(ID, "made-up")).status).toBe(401);
  });

  it("can be told to require v2 from now on, and back", async () => {
    const { imds, simulator } = await simulated({ metadataOptions: { httpTokens: "optional" } });
    const statuses: number[] = [];
    for (const httpTokens of ["required", "optional"] as const) {
      simulator.instance.modifyMetadataOptions({ httpTokens });
      statuses.push((await imds.request("GET", ID)).status);
    }

    expect(statuses).toEqual([401, 200]);
  });
});

describe("an instance whose IMDS is switched off", () => {
  it("answers 403 to everything, the session-token request as well", async () => {
    const { imds, simulator } = await simulated();
    const token = await imds.token();

    simulator.instance.modifyMetadataOptions({ httpEndpoint: "disabled" });

    expect((await imds.request(...PUT)).status).toBe(403);
    expect((await imds.get(ID, token)).status).toBe(403);
  });

  it.each([
    [{ httpTokens: "maybe" }, 'httpTokens is "maybe"'],
    [{ httpPutResponseHopLimit: 65 }, "httpPutResponseHopLimit is 65: expected a whole number from 1 to 64"],
    [{ hopLimit: 2 }, "hopLimit"],
  ])("is not what %j means, which is refused", async (options, says) => {
    const { simulator } = await simulated();
    const before = simulator.instance.metadataOptions;

    expect(() => simulator.instance.modifyMetadataOptions(options as never)).toThrow(says);
    expect(simulator.instance.metadataOptions).toBe(before);
    await expect(startSimulator({ metadataOptions: options as never })).rejects.toThrow(InvalidInputError);
  });
});

describe("the hop limit", () => {
  it("keeps the answer to a session-token request from a container, and nothing else", async () => {
    const { simulator } = await simulated({ metadataOptions: { httpTokens: "optional" } });
    const container = await simulator.openEndpoints("container", { hops: 2 });
    const [method, path, headers] = PUT;

    const put = await answered(`${container.imdsUrl}${path}`, { method, headers });
    const get = await answered(`${container.imdsUrl}${ID}`, {});

    expect([put, get]).toEqual(["no answer", 200]);
    expect(simulator.journal.entries(({ client }) => client === "container")[0]).toMatchObject({
      operation: "token",
      status: 0,
      decision: "answer lost: hop limit 1, and the client is 2 hops away",
    });
  });

  it("lets a refusal through neither: of 2 it lets everything through", async () => {
    const { simulator } = await simulated({ metadataOptions: { httpPutResponseHopLimit: 2 } });
    const container = await simulator.openEndpoints("container", { hops: 2 });

    expect(await imdsOf(container).token()).toMatch(/^[\w-]{55}=$/);
  });

  it("has the stock SDK in a container end without credentials", async () => {
    const { simulator } = await simulated();
    await simulator.openEndpoints("container", { hops: 2 });
    withEnvironment(simulator.environment({ client: "container" }));

    await expect(fromInstanceMetadata({ timeout: 100, maxRetries: 0 })()).rejects.toThrow();
  });

  it("does not keep a simulator from closing while an answer is lost", async () => {
    const simulator = await startSimulator();
    const container = await simulator.openEndpoints("container", { hops: 2 });
    const waiting = imdsOf(container).request(...PUT);
    const lost = expect(waiting).rejects.toThrow();
    while (simulator.journal.entries().length === 0) await new Promise((resolve) => setImmediate(resolve));

    await simulator.close();

    await lost;
  });

  it.each([0, 65, 1.5])("of %s hops is refused", async (hops) => {
    const { simulator } = await simulated();

    await expect(simulator.openEndpoints("far", { hops })).rejects.toThrow(`hops is ${hops}: expected a whole number`);
  });
});

describe("what is asked too often", () => {
  it("is answered 503 beyond the requests that IMDS serves in a second, until the next", async () => {
    const { imds, clock } = await simulated({ imdsLimits: { requestsPerSecond: 3 } });
    const token = await imds.token();
    const statuses: number[] = [];
    for (let request = 0; request < 4; request++) statuses.push((await imds.get(ID, token)).status);
    await clock.advance(1000);
    statuses.push((await imds.get(ID, token)).status);

    expect(statuses).toEqual([200, 200, 503, 503, 200]);
  });

  it("is lost beyond the packets that the interface may send in a second", async () => {
    const clock = new VirtualClock();
    const { simulator } = await simulated({
      clock,
      imdsLimits: { packetsPerSecond: 8 },
      metadataOptions: { httpTokens: "optional" },
    });
    const ask = () => answered(`${simulator.imdsUrl}${ID}`, { headers: { connection: "close" } });

    const seen = [await ask(), await ask()];
    await clock.advance(1000);
    seen.push(await ask());

    // Each on a connection of its own: five packets.
    expect(seen).toEqual([200, "no answer", 200]);
    expect(simulator.journal.entries()[1]).toMatchObject({ status: 0, decision: "lost: linklocal_allowance_exceeded" });
  });
});

describe("IMDS over IPv6", () => {
  it.skipIf(!hasIpv6)("is the same service on ::1, and the stock SDK finds it", async () => {
    const { simulator, imds } = await simulated({ ipv6: true });
    withEnvironment(simulator.environment({ via: "imds-ipv6" }));

    const identity = await fromInstanceMetadata()();

    expect(simulator.imdsIpv6Url).toMatch(/^http:\/\/\[::1\]:\d+$/);
    expect(identity.accessKeyId).toBe((await imds.credentials()).AccessKeyId);
  });

  it("is there only when asked for", async () => {
    const { simulator } = await simulated();

    expect(simulator.imdsIpv6Url).toBeUndefined();
    expect(() => simulator.environment({ via: "imds-ipv6" })).toThrow("via is imds-ipv6: expected another one");
  });
});

describe("a request that is no HTTP", () => {
  it("is answered 400", async () => {
    const { simulator } = await simulated();
    const { connect } = await import("node:net");
    const socket = connect(Number(new URL(simulator.imdsUrl).port), "127.0.0.1");
    onTestFinished(() => void socket.destroy());
    socket.write(`GET ${CREDENTIALS}\r\nnonsense\r\n\r\n`);

    const [answer] = await new Promise<Buffer[]>((resolve) => socket.once("data", (chunk) => resolve([chunk])));

    expect(String(answer)).toMatch(/^HTTP\/1\.1 400 /);
  });
});
