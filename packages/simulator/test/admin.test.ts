import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { ListBucketsCommand } from "@aws-sdk/client-s3";
import { systemClock, VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { CREDENTIALS, HOUR, s3Of, simulated } from "./instance.js";

async function steered(options = {}) {
  const scene = await simulated({ adminPort: 0, ...options });
  const { adminUrl } = scene.simulator;
  const ask = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${adminUrl}${path}`, {
      method,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    return { status: answer.status, json: JSON.parse(await answer.text()) };
  };
  return { ...scene, ask, adminUrl: adminUrl ?? "" };
}

const reading = (clock: VirtualClock) => ({
  epochMs: clock.now(),
  instant: new Date(clock.now()).toISOString(),
  speed: clock.speed,
});

describe("the admin API", () => {
  it("is only there when a port is given", async () => {
    const { simulator } = await simulated();

    expect(simulator.adminUrl).toBeUndefined();
  });

  it("tells where everything is, what time it is, and what is wrong", async () => {
    const { ask, simulator, clock } = await steered();
    simulator.fault("imds-down");

    expect(await ask("GET", "/")).toEqual({
      status: 200,
      json: {
        imdsUrl: simulator.imdsUrl,
        s3Url: simulator.s3Url,
        stsUrl: simulator.stsUrl,
        containerUrl: simulator.containerUrl,
        clock: { ...reading(clock), line: expect.objectContaining({ speed: 0 }) },
        faults: [{ id: 1, fault: "imds-down", startedAt: clock.now(), strikes: 0 }],
        role: { roleName: "evertoken-role" },
      },
    });
    expect((await ask("GET", "/health")).json).toEqual({ status: "ok" });
  });

  it("starts a fault with its options and its aim, and ends it by its id", async () => {
    const { ask, imds } = await steered();
    const fault = { fault: "imds-error", status: 429, where: { operation: "credentials" } };

    const { status, json } = await ask("POST", "/faults", fault);
    const during = (await imds.get(CREDENTIALS)).status;
    const ended = await ask("DELETE", `/faults/${json.id}`);

    expect([status, json]).toMatchObject([201, fault]);
    expect(during).toBe(429);
    expect(ended.json).toMatchObject({ ended: [{ id: json.id, strikes: 1 }] });
    expect((await imds.get(CREDENTIALS)).status).toBe(200);
  });

  it("ends a fault by its name, and all at once", async () => {
    const { ask, simulator } = await steered();
    for (const fault of ["imds-down", "s3-down", "s3-slow"]) await ask("POST", "/faults", { fault });

    await ask("DELETE", "/faults/s3-down");
    expect(simulator.activeFaults().map(({ name }) => name)).toEqual(["imds-down", "s3-slow"]);
    await ask("DELETE", "/faults");

    expect(simulator.activeFaults()).toEqual([]);
  });

  it("lists the faults there are, with what they can be told", async () => {
    const { ask } = await steered();

    const { known } = (await ask("GET", "/faults")).json;

    expect(known.length).toBeGreaterThanOrEqual(30);
    expect(known).toContainEqual({
      name: "imds-slow",
      does: expect.stringContaining("real time"),
      kind: "period",
      options: ["delayMs", "count", "where"],
    });
  });

  it("moves the clock by hand, for every part alike", async () => {
    const { ask, clock, imds } = await steered();
    const startedAt = clock.now();
    const before = await imds.credentials();

    const { json } = await ask("POST", "/clock/advance", { ms: 2 * HOUR });

    expect(json).toMatchObject({ ...reading(clock), epochMs: startedAt + 2 * HOUR });
    expect((await imds.credentials()).AccessKeyId).not.toBe(before.AccessKeyId);
    expect((await ask("POST", "/clock/step", { ms: -HOUR })).json.epochMs).toBe(startedAt + HOUR);
    expect((await ask("POST", "/clock/speed", { speed: 60 })).json.speed).toBe(60);
  });

  it("offers the time to clients under test, also while it runs fast", async () => {
    const { ask } = await steered({ clock: new VirtualClock({ speed: 3600 }) });

    const client = VirtualClock.following((await ask("GET", "/clock")).json.line);

    const before = client.now();
    const theirs = (await ask("GET", "/clock")).json.epochMs;
    expect(theirs).toBeGreaterThanOrEqual(before);
    expect(theirs).toBeLessThanOrEqual(client.now());
    expect(client.speed).toBe(3600);
  });

  it("leaves the host's own clock alone", async () => {
    const { ask } = await steered({ clock: systemClock });

    expect((await ask("GET", "/clock")).json.speed).toBe(1);
    expect(await ask("POST", "/clock/advance", { ms: 1 })).toMatchObject({
      status: 400,
      json: { error: { code: "INVALID_INPUT", message: expect.stringContaining("clock is the host's own") } },
    });
  });

  it("shows the journal, page by page and for whom it is asked", async () => {
    const { ask, imds } = await steered();
    await imds.credentials();
    await imds.credentials();

    const first = await ask("GET", "/journal?limit=1&operation=credentials");
    const [entry] = first.json.entries;
    const rest = await ask("GET", `/journal?operation=credentials&after=${entry.number}`);

    expect(first.json).toMatchObject({ entries: [{ operation: "credentials", status: 200 }], more: true });
    expect(rest.json).toMatchObject({ entries: [{ operation: "credentials" }], more: false });
    expect((await ask("GET", "/journal?client=nobody")).json.entries).toEqual([]);
    expect((await ask("GET", "/journal/events")).json.events).toMatchObject([{ event: "credential-issued" }]);
  });

  it("tells why a request was refused", async () => {
    const { ask, simulator } = await steered();
    const s3 = await s3Of(simulator);
    simulator.fault("credentials-revoked");
    const { $metadata } = await s3.send(new ListBucketsCommand()).catch((error) => error);

    expect(await ask("GET", `/why/${$metadata.requestId}`)).toMatchObject({
      status: 200,
      json: { requestId: $metadata.requestId, conclusion: expect.stringContaining("revoked") },
    });
    expect((await ask("GET", "/why/nobody")).status).toBe(404);
  });

  it("attaches another role to the instance, and detaches it", async () => {
    const { ask, imds } = await steered();
    const roles = () => imds.get("/latest/meta-data/iam/security-credentials/");

    expect((await ask("PUT", "/role", { roleName: "another" })).json).toEqual({ roleName: "another" });
    expect(await (await roles()).text()).toBe("another");
    expect((await ask("DELETE", "/role")).json).toEqual({ roleName: null });
    expect((await roles()).status).toBe(404);
    expect((await ask("GET", "/role")).json).toEqual({ roleName: null });
  });

  it.each([
    ["POST", "/faults", { fault: "imds-dwon" }, 400, "expected one of imds-down"],
    ["POST", "/faults", {}, 400, "expected one of imds-down"],
    ["POST", "/faults", { fault: "imds-down", delayMs: 5 }, 400, "delayMs means nothing to it"],
    ["POST", "/faults", "imds-down", 400, "body is no JSON object"],
    ["POST", "/faults", "[]", 400, "body is no JSON object"],
    ["POST", "/faults", "x".repeat(70_000), 413, "larger than 65536 bytes"],
    ["DELETE", "/faults/77", undefined, 404, "no active fault has the id or name 77"],
    ["POST", "/clock/advance", { ms: -1 }, 400, "ms is -1: expected milliseconds"],
    ["POST", "/clock/advance", { hours: 1 }, 400, "hours"],
    ["POST", "/clock/speed", { speed: "fast" }, 400, "speed is fast"],
    ["GET", "/journal?after=x", undefined, 400, "after must be the number of an entry"],
    ["GET", "/nothing", undefined, 404, "expected one of GET /, GET /health"],
    ["PUT", "/faults", {}, 405, "expected GET, POST, DELETE"],
  ])("answers %s %s with %j by %i", async (method, path, body, status, says) => {
    const { ask } = await steered();

    const answer = await ask(method, path, body);

    expect(answer.status).toBe(status);
    expect(answer.json.error.message).toContain(says);
  });

  it.each([
    [{ host: "evil.example:80" }],
    [{ host: "127.0.0.1:1" }],
    [{ origin: "http://127.0.0.1" }],
    [{ "x-forwarded-for": "10.0.0.1" }],
  ])("refuses %j", async (headers) => {
    const { adminUrl, simulator } = await steered();

    const status = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = httpRequest(`${adminUrl}/faults`, { method: "POST", headers }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
      });
      outgoing.on("error", reject).end('{"fault":"imds-down"}');
    });

    expect(status).toBe(403);
    expect(simulator.activeFaults()).toEqual([]);
  });

  it("answers by the name localhost", async () => {
    const { adminUrl } = await steered();

    expect((await fetch(adminUrl.replace("127.0.0.1", "localhost"))).status).toBe(200);
  });

  it("is nothing that faults could strike, and ends with the simulator", async () => {
    const { ask, adminUrl, simulator } = await steered();
    for (const fault of ["imds-refused", "s3-refused"]) await ask("POST", "/faults", { fault });

    expect((await ask("GET", "/faults")).json.active).toHaveLength(2);
    await simulator.close();

    await expect(fetch(adminUrl)).rejects.toThrow();
  });
});

describe("the page of the admin API", () => {
  it("is shown to browsers, while programs get the API's answers", async () => {
    const seen: unknown[] = [];
    let closed = 0;
    const { adminUrl, simulator } = await steered({
      page: (about: unknown) => {
        seen.push(about);
        return {
          owns: ({ headers }: IncomingMessage) => headers.accept?.includes("text/html") === true,
          handle: (_: IncomingMessage, response: ServerResponse) => void response.end("the page"),
          close: () => {
            closed += 1;
          },
        };
      },
    });

    expect(await (await fetch(adminUrl, { headers: { accept: "text/html" } })).text()).toBe("the page");
    expect(await (await fetch(adminUrl)).json()).toMatchObject({ role: { roleName: "evertoken-role" } });
    expect(seen).toEqual([simulator]);
    await simulator.close();
    expect(closed).toBe(1);
  });
});
