import { spawn, spawnSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { ClosedError, InvalidInputError, VirtualClock } from "@evertoken/core";
import { limitImdsRequests } from "@evertoken/imds";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { client, failure, ID, imdsServer, type Respond } from "./imds-server.js";

describe("the budget of a process", () => {
  it("lets all its clients together send fifty requests a second, the first fifty at once", async () => {
    const clock = new VirtualClock();
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const clients = [client(server.endpoint, { clock }), client(server.endpoint, { clock })];
    await clients[0]?.get(ID);
    let answered = 2;
    const asking = Array.from({ length: 200 }, async (_, index) => {
      await clients[index % 2]?.get(ID);
      answered += 1;
    });
    const settle = async () => {
      for (let before = -1; before !== answered; ) {
        before = answered;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };

    await settle();
    expect(answered).toBe(50);
    await clock.advance(1000);
    await settle();
    expect(answered).toBe(100);

    await clock.advance(10_000);
    await Promise.all(asking);
  });

  it("is not used up by those who gave up waiting for it", async () => {
    const clock = new VirtualClock();
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint, { clock });
    await imds.get(ID);
    const abort = new AbortController();
    setMaxListeners(0, abort.signal);
    const impatient = Array.from({ length: 500 }, () => imds.get(ID, { signal: abort.signal }).catch(() => {}));
    // Those who were in time are answered; the others wait.
    while (server.count(`GET ${ID}`) < 49) await new Promise((resolve) => setTimeout(resolve, 5));

    abort.abort(new Error("gone"));
    await Promise.all(impatient);
    await clock.advance(100);

    await expect(imds.get(ID)).resolves.toBe("i-1");
  });

  it("can be set for the process, within what leaves room for DNS", async () => {
    onTestFinished(() => limitImdsRequests(50));
    limitImdsRequests(5);
    const clock = new VirtualClock();
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint, { clock });
    await imds.get(ID);
    const asking = Array.from({ length: 10 }, () => imds.get(ID));

    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(server.seen).toHaveLength(5);
    await clock.advance(10_000);
    await Promise.all(asking);

    for (const bad of [0, 201, Number.NaN]) expect(() => limitImdsRequests(bad)).toThrow(InvalidInputError);
  });
});

describe("the way to IMDS", () => {
  it("does not lead through a proxy, whatever the environment says", async () => {
    const proxied: string[] = [];
    const proxy = createServer((incoming, outgoing) => {
      proxied.push(`${incoming.method} ${incoming.url}`);
      outgoing.end("from the proxy");
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void proxy.close());
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const proxyUrl = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const script = `
      import { createImdsClient } from "@evertoken/imds";
      console.log(await createImdsClient({ endpoint: process.argv[1] }).get("${ID}"));
    `;

    const child = spawn(process.execPath, ["--input-type=module", "-e", script, server.endpoint], {
      cwd: import.meta.dirname,
      env: { ...process.env, HTTP_PROXY: proxyUrl, http_proxy: proxyUrl, NODE_USE_ENV_PROXY: "1", NO_PROXY: "" },
    });
    let printed = "";
    child.stdout.on("data", (text: Buffer) => {
      printed += text.toString();
    });
    await new Promise((resolve) => child.on("close", resolve));

    expect(printed).toBe("i-1\n");
    expect(proxied).toEqual([]);
  });

  const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === "::1"),
  );

  it.skipIf(!hasIpv6)("may lead over IPv6", async () => {
    const server = createServer((incoming, outgoing) => outgoing.end(incoming.method === "PUT" ? "token" : "i-6"));
    await new Promise<void>((resolve) => server.listen(0, "::1", resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });

    const imds = client(`http://[::1]:${(server.address() as AddressInfo).port}`);

    await expect(imds.get(ID)).resolves.toBe("i-6");
  });

  it("may have a path and a trailing slash", async () => {
    const server = await imdsServer({ "PUT /imds/latest/api/token": "t", [`GET /imds${ID}`]: "i-1" });

    await expect(client(`${server.endpoint}/imds/`).get(ID)).resolves.toBe("i-1");
  });

  it("is kept open between requests", async () => {
    const ports = new Set<number | undefined>();
    const server = await imdsServer({
      [`GET ${ID}`]: (incoming, outgoing) => {
        ports.add(incoming.socket.remotePort);
        outgoing.end("i-1");
      },
    });
    const imds = client(server.endpoint);

    for (let request = 0; request < 5; request++) await imds.get(ID);

    expect(ports.size).toBe(1);
  });

  it("does not keep a process alive", async () => {
    const script = `
      import { setMaxListeners } from "node:events";
import { createServer } from "node:http";
      import { createImdsClient } from "@evertoken/imds";
      const server = createServer((_, outgoing) => outgoing.end("value")).listen(0, "127.0.0.1", async () => {
        await createImdsClient({ endpoint: "http://127.0.0.1:" + server.address().port }).get("${ID}");
        server.unref();
        server.closeIdleConnections();
      });
    `;

    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: import.meta.dirname,
      timeout: 10_000,
      encoding: "utf8",
    });

    expect(child.stderr).toBe("");
    expect(child.status).toBe(0);
  });

  it.each([
    ["by option", { disabled: true }, {}],
    ["by environment", {}, { AWS_EC2_METADATA_DISABLED: "true" }],
  ])("is not taken when IMDS is switched off %s: not one packet", async (_, options, environment) => {
    const server = await imdsServer();
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const imds = client(server.endpoint, options);

    for (const read of [
      imds.region,
      imds.credentials,
      imds.roleName,
      imds.instanceIdentity,
      imds.tags,
      imds.userData,
    ]) {
      expect(await failure(read())).toMatchObject({ code: "IMDS_DISABLED" });
    }

    expect(server.connections.opened).toBe(0);
  });

  it("is closed with the client: connections that rest", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint);
    await imds.get(ID);
    expect(server.connections.open).toBe(1);

    imds.close();
    while (server.connections.open > 0) await new Promise((resolve) => setTimeout(resolve, 1));

    await expect(imds.get(ID)).rejects.toThrow(ClosedError);
    expect(server.connections.opened).toBe(1);
  });

  it("is closed with the client: requests under way, which are not made again", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: () => {} });
    const imds = client(server.endpoint);
    const asking = imds.get(ID).catch((error: unknown) => error);
    while (server.count(`GET ${ID}`) === 0) await new Promise((resolve) => setTimeout(resolve, 1));

    imds.close();

    expect(await asking).toBeInstanceOf(ClosedError);
    while (server.connections.open > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(server.count(`GET ${ID}`)).toBe(1);
  });

  it("is told of, request by request", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint);
    const told: unknown[] = [];
    imds.on("request", ({ method, path, status }) => told.push([method, path, status]));

    await imds.get(ID);

    expect(told).toEqual([
      ["PUT", "/latest/api/token", 200],
      ["GET", ID, 200],
    ]);
  });

  it("is told of with the end of the session token held", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const clock = new VirtualClock();
    const imds = client(server.endpoint, { clock, tokenTtlSeconds: 600 });
    const ends: unknown[] = [];
    imds.on("request", ({ sessionTokenExpiresAt }) => ends.push(sessionTokenExpiresAt));

    await imds.get(ID);

    expect(ends).toEqual([undefined, clock.now() + 600_000]);
  });

  it("is told of with the reason why there was no answer", async () => {
    const failures: unknown[] = [];
    const ask = async (respond: Respond, signal?: AbortSignal) => {
      const server = await imdsServer({ [`GET ${ID}`]: respond });
      const imds = client(server.endpoint, { timeoutMs: 50, attempts: 1 });
      imds.on("request", ({ method, failure }) => method === "GET" && failures.push(failure));
      await imds.get(ID, { signal }).catch(() => {});
    };
    const abort = new AbortController();

    await ask((_, outgoing) => outgoing.end("i-1"));
    await ask(() => {});
    await ask((incoming) => incoming.socket.destroy());
    await ask((_, outgoing) => outgoing.end(Buffer.from([0xff])));
    await ask(() => abort.abort(), abort.signal);

    expect(failures).toEqual([undefined, "timeout", "connection", "unreadable", "aborted"]);
  });
});
