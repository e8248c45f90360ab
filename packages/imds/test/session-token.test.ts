import { ClosedError, VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { client, failure, ID, imdsServer, TOKEN } from "./imds-server.js";

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

  it.each([400, 403, 404, 405])("refused with %i is an error: IMDSv1 is never used", async (status) => {
    const server = await imdsServer({ [TOKEN]: status, [`GET ${ID}`]: "i-1" });

    const error = await failure(client(server.endpoint).get(ID));

    expect(error).toMatchObject({ code: "IMDS_REFUSED", statusCode: status });
    expect(server.seen).toEqual([TOKEN]);
  });

  it.each([
    ["nothing", ""],
    ["an HTML page", "<html>login</html>"],
    ["characters that no header may hold", "to\nken"],
  ])("is never %s, and the next one is good", async (_, bad) => {
    let answer = bad;
    const server = await imdsServer({ [TOKEN]: (_, outgoing) => outgoing.end(answer), [`GET ${ID}`]: "i-1" });
    const imds = client(server.endpoint);

    expect(await failure(imds.get(ID))).toMatchObject({ code: "IMDS_BAD_ANSWER" });
    expect(server.count(`GET ${ID}`)).toBe(0);
    answer = "the-token";

    await expect(imds.get(ID)).resolves.toBe("i-1");
  });

  it("that another client was asking for when it was closed is asked for again", async () => {
    let asked = 0;
    const server = await imdsServer({
      [TOKEN]: (_, outgoing) => {
        asked += 1;
        if (asked > 1) outgoing.end("the-token");
      },
      [`GET ${ID}`]: "i-1",
    });
    const closed = client(server.endpoint);
    const refused = closed.get(ID).catch((error: unknown) => error);
    while (asked === 0) await new Promise((resolve) => setImmediate(resolve));
    const other = client(server.endpoint).get(ID);
    await new Promise((resolve) => setImmediate(resolve));

    closed.close();

    expect(await refused).toBeInstanceOf(ClosedError);
    await expect(other).resolves.toBe("i-1");
    expect(asked).toBe(2);
  });
});

describe("an IMDS whose answer to the token request gets lost, as in a container", () => {
  it.each([
    ["required", 401],
    ["optional", "ami-id"],
  ])("is told apart from one that is not there where version 2 is %s, with what to do", async (_, withoutToken) => {
    const server = await imdsServer({ [TOKEN]: () => {}, "GET /latest/meta-data/": withoutToken });

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
