/** Attacks over raw sockets: refused, written down, and honest programs are still answered meanwhile. */

import { describe, expect, it } from "vitest";
import { eventually, host, OWN, raw, request, sendRaw } from "./host.js";

const statusOf = (answer: string) => Number(answer.split(" ")[1]);

describe("a request that no program on this host sends by itself", () => {
  it.each([
    ["a web page whose name was rebound", "host", 403, { Host: "evil.example:9820" }],
    ["a host of ours with another's port", "host", 403, { Host: "127.0.0.1:1" }],
    ["a host without its port", "host", 403, { Host: "localhost" }],
    ["no host", "host", 403, { Host: undefined }],
    ["a browser on another origin", "browser", 403, { Origin: "https://evil.example" }],
    ["a browser that hides its origin", "browser", 403, { Origin: "null" }],
    ["a browser's navigation", "browser", 403, { "Sec-Fetch-Mode": "navigate" }],
    ["a link from a page", "browser", 403, { Referer: "https://evil.example/" }],
    ["a proxy (X-Forwarded-For)", "proxy", 403, { "X-Forwarded-For": "10.0.0.1" }],
    ["a proxy (X-Forwarded-Host)", "proxy", 403, { "x-forwarded-host": "evil.example" }],
    ["a proxy (Forwarded)", "proxy", 403, { Forwarded: "for=10.0.0.1" }],
    ["a proxy (Via)", "proxy", 403, { Via: "1.1 evil" }],
    ["a proxy (X-Real-IP)", "proxy", 403, { "X-Real-IP": "10.0.0.1" }],
    ["a body", "body", 413, { "Content-Length": "5" }],
    ["a body of unknown length", "body", 413, { "Transfer-Encoding": "chunked" }],
  ])("%s is refused", async (_, kind, status, headers) => {
    const { agent, token, log, ask } = await host();
    const given: Record<string, string | undefined> = { Host: new URL(agent.containerUrl).host, ...headers };
    const lines = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));

    // The right token does not help.
    const answer = await sendRaw(agent.containerUrl, [`GET ${OWN} HTTP/1.1`, ...lines, `Authorization: ${token()}`]);

    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toContain("AccessKeyId");
    expect(log.all).toContainEqual(expect.objectContaining({ level: "warn", refused: kind }));
    expect(agent.status().refused).toEqual({ [kind]: 1 });
    expect((await ask()).status).toBe(200);
  });

  it("with two Host headers is refused", async () => {
    const { agent, token } = await host();
    const { host: own } = new URL(agent.containerUrl);

    const answer = await sendRaw(agent.containerUrl, [
      `GET ${OWN} HTTP/1.1`,
      `Host: ${own}`,
      "Host: evil.example",
      `Authorization: ${token()}`,
    ]);

    expect(statusOf(answer)).toBe(400);
  });

  it("with a proxy's header behind thousands of others is refused, not overlooked", async () => {
    const { agent, token } = await host({ limits: { headerBytes: 65_536 } });
    const { host: own } = new URL(agent.containerUrl);
    const many = Array.from({ length: 5000 }, () => "a: 1");

    const answer = await sendRaw(agent.containerUrl, [
      `GET ${OWN} HTTP/1.1`,
      `Host: ${own}`,
      `Authorization: ${token()}`,
      ...many,
      "X-Forwarded-For: 10.0.0.1",
    ]);

    expect(statusOf(answer)).toBe(403);
  });

  it.each(["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "169.254.169.254", "169.254.170.2"])(
    "but naming %s is answered",
    async (name) => {
      const { agent, token } = await host();
      const { port } = new URL(agent.containerUrl);

      const answer = await sendRaw(agent.containerUrl, [
        `GET ${OWN} HTTP/1.1`,
        `Host: ${name}:${port}`,
        `Authorization: ${token()}`,
      ]);

      expect(statusOf(answer)).toBe(200);
    },
  );

  it("but naming a host that the configuration allows is answered", async () => {
    const { agent, token } = await host({ allowedHosts: ["agent.internal"] });
    const { port } = new URL(agent.containerUrl);

    const answer = await sendRaw(agent.containerUrl, [
      `GET ${OWN} HTTP/1.1`,
      `Host: Agent.Internal:${port}`,
      `Authorization: ${token()}`,
    ]);

    expect(statusOf(answer)).toBe(200);
  });
});

describe("a path with tricks in it", () => {
  it.each([
    "//v1/credentials",
    "/v1//credentials",
    "/v1/./credentials",
    "/v1/../v1/credentials",
    "/v1/%2e%2e/v1/credentials",
    "/v1%2fcredentials",
    "/v1%2Fcredentials",
    "/v1/credentials?",
    "/v1/credentials?role=admin",
    "/v1/credentials#x",
    "/v1\\credentials",
    "/v1/credentials;x",
    "/v1/credentials%00",
    "/v1/cr%65dentials",
    `/${"a".repeat(600)}`,
    "http://127.0.0.1/v1/credentials",
    "http://169.254.169.254/latest/meta-data/",
    "*",
  ])("%s is refused", async (path) => {
    const { agent, token, log, ask } = await host();

    const answer = await sendRaw(agent.containerUrl, [
      `GET ${path} HTTP/1.1`,
      `Host: ${new URL(agent.containerUrl).host}`,
      `Authorization: ${token()}`,
    ]);

    expect(statusOf(answer)).toBe(400);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: expect.stringMatching(/path|malformed/) }));
    expect((await ask()).status).toBe(200);
  });

  it.each(["CONNECT evil.example:443 HTTP/1.1", "GET", "\u0000\u0001\u0002", "SSH-2.0-OpenSSH_9.2"])(
    "%j is no request at all",
    async (line) => {
      const { agent, ask } = await host();

      const answer = await sendRaw(agent.containerUrl, [line, "Host: x"]);

      expect(answer).not.toContain("200");
      expect((await ask()).status).toBe(200);
    },
  );
});

describe("who guesses tokens", () => {
  it("gets so many tries a minute and is then told to wait, while others are answered", async () => {
    const { ask, log } = await host({ limits: { wrongTokensPerMinute: 10 } });

    const statuses: number[] = [];
    for (let guess = 0; guess < 120; guess++) {
      const { status, headers } = await ask(OWN, { authorization: `guess-${guess}` });
      statuses.push(status);
      if (status === 429) expect(Number(headers["retry-after"])).toBeGreaterThan(0);
      if (guess % 30 === 0) expect((await ask()).status).toBe(200);
    }

    expect(statuses.slice(0, 10)).toEqual(new Array(10).fill(401));
    expect(statuses.slice(10)).toEqual(new Array(110).fill(429));
    expect((await ask()).status).toBe(200);
    // Written down, without filling the disk.
    const told = log.all.filter(({ refused }) => refused !== undefined);
    expect(told.length).toBeGreaterThan(10);
    expect(told.length).toBeLessThan(100);
  });
});

describe("who holds connections", () => {
  it("idle, thousands of them, loses the oldest; honest programs are answered", async () => {
    const { agent, ask, log } = await host({ limits: { connections: 50 } });

    const idle = Array.from({ length: 500 }, () => raw(agent.containerUrl));
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask()));
    await eventually(
      async () => idle.filter(({ socket }) => socket.destroyed).length,
      (ended) => ended >= 450,
    );

    expect(answers.map(({ status }) => status)).toEqual(new Array(20).fill(200));
    expect(idle.filter(({ socket }) => socket.destroyed).length).toBeGreaterThanOrEqual(450);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "connections" }));
  });

  it("and sends its request a byte at a time is cut off", async () => {
    const { agent, ask, log } = await host({ limits: { requestMs: 200 } });
    const slow = Array.from({ length: 20 }, () => raw(agent.containerUrl));

    for (const { send } of slow) send("GET /v1/credentials HTTP/1.1\r\nX-Slow: ");
    expect((await ask()).status).toBe(200);
    const answers = await Promise.all(slow.map(({ answer }) => answer()));

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "too-slow" }));
  });

  it("and sends headers without end is cut off", async () => {
    const { agent, ask, log } = await host();
    const { host: own } = new URL(agent.containerUrl);

    const answer = await sendRaw(agent.containerUrl, [
      `GET ${OWN} HTTP/1.1`,
      `Host: ${own}`,
      `X-Large: ${"a".repeat(20_000)}`,
    ]);

    expect(statusOf(answer)).toBe(431);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "too-large" }));
    expect((await ask()).status).toBe(200);
  });
});

describe("callers", () => {
  const uid = process.getuid?.() ?? 0;

  it("are named in the audit: who, by which way, which role and rotation, until when", async () => {
    const { credentials, log, agent, imds } = await host();
    const { AccessKeyId, Expiration } = await credentials();
    await imds("/latest/meta-data/iam/security-credentials/evertoken-role");

    const audit = await eventually(
      async () => log.all.filter((line) => line.audit === "credentials"),
      ({ length }) => length === 2,
    );

    expect(audit.map(({ via }) => via).sort()).toEqual(["container", "imds"]);
    expect(audit[0]).toMatchObject({
      role: "default",
      generation: 1,
      accessKeyId: AccessKeyId,
      expires: Expiration,
      caller: { uid, address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    });
    expect(agent.status().clients).toEqual([expect.objectContaining({ client: `uid ${uid}`, answers: 2 })]);
  });

  it("of a user that is allowed are answered, those of others refused", async () => {
    const allowed = await host({ callers: { uids: [uid] } });
    const others = await host({ callers: { uids: [uid + 1] } });

    expect((await allowed.ask()).status).toBe(200);
    expect((await others.ask()).status).toBe(403);
    expect(others.log.all).toContainEqual(expect.objectContaining({ refused: "caller" }));
    // Health is for everybody.
    expect((await others.admin("/healthz")).status).toBe(200);
  });

  it("of a program that is allowed are answered, those of others refused", async () => {
    const allowed = await host({ callers: { executables: [process.execPath] } });
    const others = await host({ callers: { executables: ["/usr/bin/python3"] } });

    expect((await allowed.ask()).status).toBe(200);
    expect((await others.ask()).status).toBe(403);
  });

  it("that make many connections at once are looked up together", async () => {
    const { ask, log } = await host();

    await Promise.all(Array.from({ length: 200 }, () => ask()));

    const audit = await eventually(
      async () => log.all.filter((line) => line.audit === "credentials"),
      ({ length }) => length === 200,
    );
    expect(audit.length).toBe(200);
    for (const { caller } of audit) expect((caller as { address: string }).address).toMatch(/^127/);
  });
});

describe("the admin port", () => {
  it("is guarded like the others", async () => {
    const { agent } = await host();

    for (const headers of [
      { origin: "https://evil.example" },
      { "x-forwarded-for": "1.2.3.4" },
      { host: "evil.example" },
    ]) {
      expect((await request(`${agent.adminUrl}/v1/status`, { headers })).status).toBe(403);
    }
  });
});
