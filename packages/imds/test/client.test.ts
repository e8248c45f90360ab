import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { inspect } from "node:util";
import { ClosedError, VirtualClock } from "@evertoken/core";
import { createImdsClient, ImdsError, type ImdsOptions } from "@evertoken/imds";
import { describe, expect, it, onTestFinished } from "vitest";
import { document, imdsServer, LEGACY_ROLE, ROLE } from "./imds-server.js";

const TOKEN = "PUT /latest/api/token";
const ID = "/latest/meta-data/instance-id";

/** A client that does not make a test wait between attempts. */
function client(endpoint: string, options: ImdsOptions = {}) {
  const imds = createImdsClient({ endpoint, random: () => 0, ...options });
  onTestFinished(() => imds.close());
  return imds;
}

async function failure(work: Promise<unknown>): Promise<ImdsError> {
  const error = await work.then(
    () => expect.unreachable("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ImdsError);
  return error as ImdsError;
}

describe("a session token", () => {
  it("is asked for once and used by every client of the process", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const clients = [client(server.endpoint), client(server.endpoint), client(server.endpoint)];

    await Promise.all(clients.map((imds) => imds.get(ID)));
    await clients[0]?.get(ID);

    expect(server.count(TOKEN)).toBe(1);
  });

  it("is asked for six hours, and travels in its header", async () => {
    const headers: unknown[] = [];
    const server = await imdsServer({
      [TOKEN]: (incoming, outgoing) => {
        headers.push(incoming.headers["x-aws-ec2-metadata-token-ttl-seconds"], incoming.headers["content-length"]);
        outgoing.end("the-token");
      },
      [`GET ${ID}`]: (incoming, outgoing) => {
        headers.push(incoming.headers["x-aws-ec2-metadata-token"]);
        outgoing.end("i-1");
      },
    });

    await client(server.endpoint).get(ID);

    expect(headers).toEqual(["21600", "0", "the-token"]);
  });

  it("is renewed two minutes before its end", async () => {
    const clock = new VirtualClock();
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint, { clock, tokenTtlSeconds: 600 });
    await imds.get(ID);

    await clock.advance(479_000);
    await imds.get(ID);
    expect(server.count(TOKEN)).toBe(1);
    await clock.advance(2000);
    await imds.get(ID);

    expect(server.count(TOKEN)).toBe(2);
  });

  it("goes on being used until its end when the renewal fails", async () => {
    const clock = new VirtualClock();
    let refuse = false;
    const server = await imdsServer({
      [TOKEN]: (_, outgoing) => outgoing.writeHead(refuse ? 503 : 200).end("the-token"),
      [`GET ${ID}`]: "i-1",
    });
    const imds = client(server.endpoint, { clock, tokenTtlSeconds: 600, attempts: 1 });
    await imds.get(ID);
    refuse = true;

    await clock.advance(500_000);

    await expect(imds.get(ID)).resolves.toBe("i-1");
  });

  it("is replaced once, and the request repeated once, when IMDS does not know it any longer", async () => {
    let known = 0;
    const server = await imdsServer({
      [TOKEN]: (_, outgoing) => outgoing.end(`token-${++known}`),
      [`GET ${ID}`]: (incoming, outgoing) => {
        const current = incoming.headers["x-aws-ec2-metadata-token"] === `token-${known}`;
        outgoing.writeHead(current ? 200 : 401).end(current ? "i-1" : "");
      },
    });
    const imds = client(server.endpoint);
    await imds.get(ID);
    known += 1;

    await expect(imds.get(ID)).resolves.toBe("i-1");
    expect(server.seen.slice(-3)).toEqual([`GET ${ID}`, TOKEN, `GET ${ID}`]);
  });

  it("is asked for twice at most when IMDS refuses each", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: 401 });

    const error = await failure(client(server.endpoint).get(ID));

    expect(error).toMatchObject({ code: "IMDS_REFUSED", statusCode: 401 });
    expect(server.count(TOKEN)).toBe(2);
    expect(server.count(`GET ${ID}`)).toBe(2);
  });

  it("that could not be had is asked for again by the next request: no failure is remembered", async () => {
    let failures = 1;
    const server = await imdsServer({
      [TOKEN]: (_, outgoing) => outgoing.writeHead(failures-- > 0 ? 503 : 200).end("the-token"),
      [`GET ${ID}`]: "i-1",
    });
    const imds = client(server.endpoint, { attempts: 1 });
    await failure(imds.get(ID));

    await expect(imds.get(ID)).resolves.toBe("i-1");
  });

  it.each([403, 404, 405])("refused with %i is an error: IMDSv1 is never used", async (status) => {
    const server = await imdsServer({ [TOKEN]: status, [`GET ${ID}`]: "i-1" });

    const error = await failure(client(server.endpoint).get(ID));

    expect(error).toMatchObject({ code: "IMDS_REFUSED", statusCode: status });
    expect(server.seen).toEqual([TOKEN]);
  });

  it("of characters that no header may hold is not a session token", async () => {
    const server = await imdsServer({ [TOKEN]: "<html>\nlogin</html>" });

    expect(await failure(client(server.endpoint).get(ID))).toMatchObject({ code: "IMDS_BAD_ANSWER" });
  });
});

describe("attempts", () => {
  it.each([
    ["500", 500],
    ["503", 503],
    ["429", 429],
    ["a cut connection", (_: unknown, outgoing: { destroy(): void }) => outgoing.destroy()],
  ])("are made again after %s", async (_, first) => {
    let asked = 0;
    const server = await imdsServer({
      [`GET ${ID}`]: (incoming, outgoing) => {
        asked += 1;
        if (asked > 1) outgoing.end("i-1");
        else if (typeof first === "number") outgoing.writeHead(first).end();
        else first(incoming, outgoing);
      },
    });

    await expect(client(server.endpoint).get(ID)).resolves.toBe("i-1");
  });

  it.each([400, 403, 404])("are not made again after %i", async (status) => {
    const server = await imdsServer({ [`GET ${ID}`]: status });

    const error = await failure(client(server.endpoint).get(ID));

    expect(error.statusCode).toBe(status);
    expect(server.count(`GET ${ID}`)).toBe(1);
  });

  it("end after their number, with an error that says where, how often and what to check", async () => {
    const server = await imdsServer({ [TOKEN]: 503 });

    const error = await failure(client(server.endpoint, { attempts: 4, timeoutMs: 700 }).get(ID));

    expect(server.count(TOKEN)).toBe(4);
    expect(error).toMatchObject({ code: "IMDS_UNREACHABLE", attempts: 4 });
    expect(error.message).toContain(`IMDS at ${server.endpoint} did not answer PUT /latest/api/token`);
    expect(error.message).toContain("4 attempts of 700 ms; last: it answered 503");
    expect(error.message).toContain("HttpPutResponseHopLimit");
  });

  it("can be fewer for one request", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: 503 });

    await failure(client(server.endpoint).get(ID, { attempts: 1 }));

    expect(server.count(`GET ${ID}`)).toBe(1);
  });

  it("take no longer than their time each, when nothing answers", async () => {
    const server = await imdsServer({ [TOKEN]: () => {} });

    const error = await failure(client(server.endpoint, { attempts: 2, timeoutMs: 30 }).get(ID));

    expect(error.message).toContain("2 attempts of 30 ms; last: no answer within 30 ms");
  });

  it("are not over because this process itself was busy while the answer lay there", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: (_, outgoing) => setTimeout(() => outgoing.end("i-1"), 5) });
    const imds = client(server.endpoint, { attempts: 1, timeoutMs: 100 });
    const asked = imds.get(ID);
    while (server.count(`GET ${ID}`) === 0) await new Promise((resolve) => setImmediate(resolve));

    const busyUntil = performance.now() + 300;
    while (performance.now() < busyUntil);

    await expect(asked).resolves.toBe("i-1");
  });

  it("cover an answer that stops halfway", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: (_, outgoing) => void outgoing.writeHead(200).write("i-") });

    const error = await failure(client(server.endpoint, { attempts: 2, timeoutMs: 30 }).get(ID));

    expect(error).toMatchObject({ code: "IMDS_UNREACHABLE" });
    expect(error.message).toContain("no answer within 30 ms");
  });

  it("say that nothing listens there", async () => {
    const error = await failure(client("http://127.0.0.1:1").get(ID));

    expect(error).toMatchObject({ code: "IMDS_UNREACHABLE" });
    expect(error.message).toContain("ECONNREFUSED");
  });

  it("end with the caller's signal", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: () => {} });

    await expect(client(server.endpoint).get(ID, { signal: AbortSignal.timeout(20) })).rejects.toThrow(/timeout/);
  });
});

describe("answers", () => {
  it("larger than a mebibyte are not read", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "x".repeat((1 << 20) + 1) });

    expect(await failure(client(server.endpoint).get(ID))).toMatchObject({ code: "IMDS_BAD_ANSWER" });
  });

  it("that are not UTF-8 are refused", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: (_, outgoing) => outgoing.end(Buffer.from([0xff, 0xfe])) });

    expect((await failure(client(server.endpoint).get(ID))).message).toContain("not UTF-8");
  });

  it("that redirect are not followed", async () => {
    const server = await imdsServer({
      [`GET ${ID}`]: (_, outgoing) => outgoing.writeHead(302, { location: "/latest/meta-data/ami-id" }).end(),
      "GET /latest/meta-data/ami-id": "ami-1",
    });

    expect(await failure(client(server.endpoint).get(ID))).toMatchObject({ code: "IMDS_REFUSED", statusCode: 302 });
  });

  it("of the categories come as text, lines and JSON", async () => {
    const server = await imdsServer({
      "GET /latest/meta-data/placement/region": "eu-central-1",
      "GET /latest/meta-data/": "ami-id\nhostname\niam/",
      "GET /latest/any.json": '{"any":"thing"}',
    });
    const imds = client(server.endpoint);

    expect(await imds.region()).toBe("eu-central-1");
    expect(await imds.list("/latest/meta-data/")).toEqual(["ami-id", "hostname", "iam/"]);
    expect(await imds.getJson("/latest/any.json")).toEqual({ any: "thing" });
  });

  it("tell how far this host's clock is off", async () => {
    const clock = new VirtualClock({ startAt: Date.UTC(2026, 10, 23, 12) });
    const server = await imdsServer({
      [`GET ${ID}`]: (_, outgoing) => outgoing.writeHead(200, { date: "Mon, 23 Nov 2026 12:10:00 GMT" }).end("i-1"),
    });
    const imds = client(server.endpoint, { clock });

    await imds.get(ID);

    expect(imds.skewMs()).toBeCloseTo(600_500, -3);
  });
});

describe("role credentials", () => {
  it("come from the extended path, with the account", async () => {
    const server = await imdsServer();

    const credentials = await client(server.endpoint).credentials();

    expect(credentials).toMatchObject({
      accessKeyId: "ASIAEXAMPLE",
      expiration: new Date("2026-11-23T18:00:00Z"),
      roleName: "demo-role",
      accountId: "123456789012",
    });
    expect(credentials.secretAccessKey).toBe("planted-secret-access-key");
    expect(server.seen).toEqual([TOKEN, `GET ${ROLE}`, `GET ${ROLE}demo-role`]);
  });

  it("cost one request when they are read again", async () => {
    const server = await imdsServer();
    const imds = client(server.endpoint);
    await imds.credentials();

    await imds.credentials();

    expect(server.seen.slice(3)).toEqual([`GET ${ROLE}demo-role`]);
  });

  it("come from the legacy path where there is no other, which is remembered", async () => {
    const server = await imdsServer({
      [`GET ${ROLE}`]: 404,
      [`GET ${LEGACY_ROLE}`]: "demo-role",
      [`GET ${LEGACY_ROLE}demo-role`]: document(),
    });
    const imds = client(server.endpoint);

    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAEXAMPLE" });
    await imds.credentials();

    expect(server.count(`GET ${ROLE}`)).toBe(1);
  });

  it("are not looked for on the legacy path after another error", async () => {
    const server = await imdsServer({ [`GET ${ROLE}`]: 403, [`GET ${LEGACY_ROLE}`]: "demo-role" });

    expect(await failure(client(server.endpoint).credentials())).toMatchObject({ code: "IMDS_REFUSED" });
    expect(server.count(`GET ${LEGACY_ROLE}`)).toBe(0);
  });

  it("of another role are found when the remembered one is gone", async () => {
    let role = "demo-role";
    const server = await imdsServer({
      [`GET ${ROLE}`]: (_, outgoing) => outgoing.end(role),
      [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.writeHead(role === "demo-role" ? 200 : 404).end(document()),
      [`GET ${ROLE}other-role`]: document({ AccessKeyId: "ASIAOTHER" }),
    });
    const imds = client(server.endpoint);
    await imds.credentials();
    role = "other-role";

    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAOTHER", roleName: "other-role" });
  });

  it("are refused with advice when no role is attached", async () => {
    const server = await imdsServer({ [`GET ${ROLE}`]: 404 });

    const error = await failure(client(server.endpoint).credentials());

    expect(error).toMatchObject({ code: "IMDS_NOT_FOUND" });
    expect(error.message).toContain("attach an instance profile");
  });

  it.each([
    ["an HTML page", "<html>502</html>", "not JSON"],
    ["truncated JSON", document().slice(0, 120), "not JSON"],
    ["another kind of JSON", "[]", "not a JSON object"],
    ["another Code", document({ Code: "AssumeRoleUnauthorizedAccess" }), "AssumeRoleUnauthorizedAccess"],
    ["no access key id", document({ AccessKeyId: undefined }), "no AccessKeyId"],
    ["an empty token", document({ Token: "" }), "no Token"],
    ["a malformed instant", document({ Expiration: "tomorrow" }), "Expiration is no instant"],
    ["an end before its beginning", document({ Expiration: "2026-11-23T11:00:00Z" }), "not after its LastUpdated"],
    ["nothing", "", "not JSON"],
  ])("with %s in place of the document are an error of their own, and the next read is good", async (_, bad, says) => {
    let answer = bad;
    const server = await imdsServer({ [`GET ${ROLE}demo-role`]: (_, outgoing) => outgoing.end(answer) });
    const imds = client(server.endpoint);

    const error = await failure(imds.credentials());
    answer = document();

    expect(error).toMatchObject({ code: "IMDS_BAD_ANSWER" });
    expect(error.message).toContain(says);
    expect(inspect(error, { depth: null })).not.toContain("planted");
    await expect(imds.credentials()).resolves.toMatchObject({ accessKeyId: "ASIAEXAMPLE" });
  });

  it("that have run out are handed on as they are: the holder knows the skew, and has nothing better", async () => {
    const old = document({ LastUpdated: "2020-01-01T00:00:00Z", Expiration: "2020-01-01T06:00:00Z" });
    const server = await imdsServer({ [`GET ${ROLE}demo-role`]: old });

    const { expiration } = await client(server.endpoint).credentials();

    expect(expiration).toEqual(new Date("2020-01-01T06:00:00Z"));
  });

  it("do not print their secrets", async () => {
    const server = await imdsServer();

    const credentials = await client(server.endpoint).credentials();

    expect(inspect(credentials, { showHidden: true })).not.toContain("planted");
    expect(JSON.stringify(credentials)).not.toContain("planted");
  });
});

describe("credentials of an instance profile that is named", () => {
  it("are read without looking at the list", async () => {
    const server = await imdsServer({ [`GET ${ROLE}mine`]: document({ AccessKeyId: "ASIAMINE" }) });

    const credentials = await client(server.endpoint, { instanceProfileName: "mine" }).credentials();

    expect(credentials).toMatchObject({ accessKeyId: "ASIAMINE", roleName: "mine" });
    expect(server.seen).toEqual([TOKEN, `GET ${ROLE}mine`]);
  });

  it("come from the legacy path where there is no other", async () => {
    const server = await imdsServer({ [`GET ${LEGACY_ROLE}mine`]: document({ AccessKeyId: "ASIAMINE" }) });

    const credentials = await client(server.endpoint, { instanceProfileName: "mine" }).credentials();

    expect(credentials.accessKeyId).toBe("ASIAMINE");
  });

  it("that is on neither path are refused with the setting to correct", async () => {
    const server = await imdsServer();

    const error = await failure(client(server.endpoint, { instanceProfileName: "mine" }).credentials());

    expect(error).toMatchObject({ code: "IMDS_NOT_FOUND" });
    expect(error.message).toContain("AWS_EC2_INSTANCE_PROFILE_NAME");
  });
});

describe("an IMDS whose answer to the token request gets lost, as in a container", () => {
  it("is told apart from one that is not there, and the error says what to do", async () => {
    const server = await imdsServer({ [TOKEN]: () => {}, "GET /latest/meta-data/": 401 });

    const error = await failure(client(server.endpoint, { attempts: 2, timeoutMs: 30 }).get(ID));

    expect(error).toMatchObject({ code: "IMDS_HOP_LIMIT", attempts: 2 });
    expect(error.message).toContain("set HttpPutResponseHopLimit of the instance to 2, or run the agent");
  });

  it("is not suspected when nothing answers at all", async () => {
    const server = await imdsServer({ [TOKEN]: () => {}, "GET /latest/meta-data/": () => {} });

    const error = await failure(client(server.endpoint, { attempts: 1, timeoutMs: 30 }).get(ID));

    expect(error.code).toBe("IMDS_UNREACHABLE");
  });
});

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

    const { spawn } = await import("node:child_process");
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

  it("is not taken when IMDS is switched off: not one packet", async () => {
    const server = await imdsServer();

    const error = await failure(client(server.endpoint, { disabled: true }).get(ID));

    expect(error.code).toBe("IMDS_DISABLED");
    expect(server.seen).toEqual([]);
  });

  it("is closed with the client", async () => {
    const server = await imdsServer({ [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint);
    await imds.get(ID);

    imds.close();

    await expect(imds.get(ID)).rejects.toThrow(ClosedError);
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
});
