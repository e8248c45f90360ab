import { ClosedError, InvalidInputError, VirtualClock } from "@evertoken/core";
import { createImdsClient } from "@evertoken/imds";
import { describe, expect, it, onTestFinished } from "vitest";
import { imdsServer, type Respond } from "./imds-server.js";

const META = "GET /latest/meta-data/";

async function client(answers: Record<string, Respond | number | string>, clock = new VirtualClock()) {
  const server = await imdsServer(answers);
  const imds = createImdsClient({ endpoint: server.endpoint, clock, random: () => 0.5 });
  onTestFinished(() => imds.close());
  return { imds, server, clock };
}

describe("typed categories", () => {
  it("tell the instance and its place", async () => {
    const { imds } = await client({
      [`${META}placement/region`]: "eu-central-1",
      [`${META}placement/availability-zone`]: "eu-central-1b",
      [`${META}instance-id`]: "i-0abc\n",
      [`${META}instance-type`]: "m7i.large",
    });

    expect(await imds.region()).toBe("eu-central-1");
    expect(await imds.availabilityZone()).toBe("eu-central-1b");
    expect(await imds.instanceId()).toBe("i-0abc");
    expect(await imds.instanceType()).toBe("m7i.large");
  });

  it("give the identity document to the byte, with its signature", async () => {
    const text = '{\n  "region" : "eu-central-1"\n}';
    const { imds } = await client({
      "GET /latest/dynamic/instance-identity/document": text,
      "GET /latest/dynamic/instance-identity/signature": "c2lnbmF0\ndXJl",
    });

    expect(await imds.instanceIdentity()).toEqual({
      document: { region: "eu-central-1" },
      text,
      signature: "c2lnbmF0dXJl",
    });
  });

  it("give tags by their names, and none when access to them is off", async () => {
    const { imds } = await client({
      [`${META}tags/instance`]: "Name\ncost center",
      [`${META}tags/instance/Name`]: "web",
      [`${META}tags/instance/cost%20center`]: "42",
    });

    expect(await imds.tags()).toEqual({ Name: "web", "cost center": "42" });
    expect(await (await client({})).imds.tags()).toEqual({});
  });

  it("tell of an interruption of a spot instance, when there is one", async () => {
    const { imds } = await client({
      [`${META}spot/instance-action`]: '{"action": "stop", "time": "2026-11-23T12:00:00Z"}',
      [`${META}events/recommendations/rebalance`]: '{"noticeTime": "2026-11-23T11:50:00Z"}',
    });
    const calm = (await client({})).imds;

    expect(await imds.spotInstanceAction()).toEqual({ action: "stop", time: new Date("2026-11-23T12:00:00Z") });
    expect(await imds.rebalanceRecommendation()).toEqual(new Date("2026-11-23T11:50:00Z"));
    expect(await calm.spotInstanceAction()).toBeUndefined();
    expect(await calm.rebalanceRecommendation()).toBeUndefined();
  });

  it("tell of scheduled maintenance", async () => {
    const { imds } = await client({
      [`${META}events/maintenance/scheduled`]: JSON.stringify([
        {
          NotBefore: "21 Jan 2027 09:00:43 GMT",
          Code: "system-reboot",
          Description: "scheduled reboot",
          EventId: "instance-event-0d59937288b749b32",
          NotAfter: "21 Jan 2027 09:17:23 GMT",
          State: "active",
        },
      ]),
    });

    expect(await imds.maintenanceEvents()).toEqual([
      {
        code: "system-reboot",
        description: "scheduled reboot",
        state: "active",
        eventId: "instance-event-0d59937288b749b32",
        notBefore: new Date("2027-01-21T09:00:43Z"),
        notAfter: new Date("2027-01-21T09:17:23Z"),
      },
    ]);
    expect(await (await client({ [`${META}events/maintenance/scheduled`]: "[]" })).imds.maintenanceEvents()).toEqual(
      [],
    );
  });

  it("tell the network interfaces", async () => {
    const one = `${META}network/interfaces/macs/02:29:96:8f:6a:2d`;
    const { imds } = await client({
      [`${META}network/interfaces/macs`]: "02:29:96:8f:6a:2d/",
      [`${one}/interface-id`]: "eni-1",
      [`${one}/local-ipv4s`]: "10.0.0.10\n10.0.0.11",
      [`${one}/subnet-id`]: "subnet-1",
      [`${one}/vpc-id`]: "vpc-1",
    });

    expect(await imds.networkInterfaces()).toEqual([
      {
        mac: "02:29:96:8f:6a:2d",
        interfaceId: "eni-1",
        privateIpv4s: ["10.0.0.10", "10.0.0.11"],
        ipv6s: [],
        subnetId: "subnet-1",
        vpcId: "vpc-1",
      },
    ]);
  });

  it("give user data as it is, and nothing where there is none", async () => {
    const { imds } = await client({ "GET /latest/user-data": "#!/bin/sh\necho\n" });

    expect(await imds.userData()).toBe("#!/bin/sh\necho\n");
    expect(await (await client({})).imds.userData()).toBeUndefined();
  });

  it("refuse what they do not understand", async () => {
    const { imds } = await client({ [`${META}spot/instance-action`]: '{"action": "explode", "time": "now"}' });

    await expect(imds.spotInstanceAction({ attempts: 1 })).rejects.toMatchObject({ code: "IMDS_BAD_ANSWER" });
  });
});

describe("watching a category", () => {
  const PATH = "/latest/meta-data/spot/instance-action";

  it("yields its value now and at each change, and nothing in between", async () => {
    let action: string | number = 404;
    const { imds, clock, server } = await client({
      [`GET ${PATH}`]: (_, outgoing) =>
        typeof action === "number" ? outgoing.writeHead(action).end() : outgoing.end(action),
    });
    const abort = new AbortController();
    const seen: (string | undefined)[] = [];
    const watching = (async () => {
      for await (const text of imds.watch(PATH, { signal: abort.signal })) seen.push(text);
    })();
    /** Lets the watch look once more. */
    const look = async () => {
      const before = server.seen.length;
      while (server.seen.length === before) {
        await clock.advance(1000);
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await look();
    await look();
    action = "stop";
    await look();
    await look();
    action = 503;
    await look();
    action = "stop";
    await look();
    action = "terminate";
    await look();

    abort.abort();
    await watching;

    expect(seen).toEqual([undefined, "stop", "terminate"]);
    expect(clock.pending).toBe(0);
  });

  it("looks every five seconds, and every thirty while IMDS fails", async () => {
    const at: number[] = [];
    const { imds, clock } = await client({
      [`GET ${PATH}`]: (_, outgoing) => {
        at.push(clock.now());
        outgoing.writeHead(at.length > 3 ? 503 : 200).end("same");
      },
    });
    const abort = new AbortController();
    const watching = (async () => {
      for await (const _ of imds.watch(PATH, { signal: abort.signal }));
    })();
    while (at.length < 6) {
      await clock.advance(100);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    abort.abort();
    await watching;

    const gaps = at.slice(1).map((instant, index) => Math.round((instant - (at[index] ?? 0)) / 1000));
    expect(gaps[0]).toBeLessThanOrEqual(10);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(30);
  });

  it("of any kind: what is there now comes first", async () => {
    const { imds } = await client({ [`${META}tags/instance/Name`]: "web", "GET /latest/user-data": "#!/bin/sh\n" });

    for (const [path, text] of [
      ["/latest/meta-data/tags/instance/Name", "web"],
      ["/latest/user-data", "#!/bin/sh\n"],
    ] as const) {
      for await (const seen of imds.watch(path)) {
        expect(seen).toBe(text);
        break;
      }
    }
  });

  it.each([
    ["spot/instance-action", {}],
    [PATH, { intervalMs: 0 }],
    [PATH, { intervalMs: Number.NaN }],
  ])("at %s with %j is refused at once", async (path, options) => {
    const { imds } = await client({});

    expect(() => imds.watch(path, options)).toThrow(InvalidInputError);
  });

  it("ends with an error when the client is closed", async () => {
    const { imds, clock } = await client({ [`GET ${PATH}`]: "stop" });
    const watching = imds.watch(PATH);
    await watching.next();
    const next = watching.next().catch((error: unknown) => error);

    imds.close();
    await clock.advance(6000);

    expect(await next).toBeInstanceOf(ClosedError);
  });

  it("ends with an error when IMDS is switched off", async () => {
    const imds = createImdsClient({ disabled: true });

    await expect(imds.watch(PATH).next()).rejects.toMatchObject({ code: "IMDS_DISABLED" });
  });
});
