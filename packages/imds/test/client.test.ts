import type { ServerResponse } from "node:http";
import { InvalidInputError, VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";
import { client, failure, ID, imdsServer, TOKEN } from "./imds-server.js";

describe("attempts", () => {
  it.each([
    ["500", 500],
    ["503", 503],
    ["429", 429],
    ["a cut connection", (_: unknown, outgoing: ServerResponse) => outgoing.destroy()],
    ["a time-out", () => {}],
    ["an empty answer", (_: unknown, outgoing: ServerResponse) => outgoing.end()],
    ["an HTML page", (_: unknown, outgoing: ServerResponse) => outgoing.end("<html>busy</html>")],
  ])("are made again after %s", async (_, first) => {
    for (const request of [TOKEN, `GET ${ID}`]) {
      let asked = 0;
      const server = await imdsServer({
        [`GET ${ID}`]: "i-1",
        [request]: (incoming, outgoing) => {
          asked += 1;
          if (asked > 1) outgoing.end("i-1");
          else if (typeof first === "number") outgoing.writeHead(first).end();
          else first(incoming, outgoing);
        },
      });

      await expect(client(server.endpoint, { timeoutMs: 100 }).instanceId()).resolves.toBe("i-1");
      expect(asked).toBe(2);
    }
  });

  it("pause in between for a random part of 100, 200, 400 … ms", async () => {
    const clock = new VirtualClock();
    const askedAt: number[] = [];
    const server = await imdsServer({
      [`GET ${ID}`]: (_, outgoing) => {
        askedAt.push(clock.now());
        outgoing.writeHead(503).end();
      },
    });
    const asking = failure(client(server.endpoint, { clock, random: () => 0.999, attempts: 4 }).get(ID));

    while (askedAt.length < 4) {
      await clock.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await asking;

    const pauses = askedAt.slice(1).map((at, index) => at - (askedAt[index] ?? 0));
    for (const [index, longest] of [100, 200, 400].entries()) {
      // What an answer takes on the socket passes on this clock too.
      expect(pauses[index]).toBeGreaterThanOrEqual(longest - 2);
      expect(pauses[index]).toBeLessThanOrEqual(longest + 50);
    }
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

  it.each([
    ["an HTML page", "<html>portal</html>"],
    ["nothing", ""],
    ["several lines", "a\nb"],
  ])("of %s are no region, zone, id or type", async (_, answer) => {
    const server = await imdsServer({
      "GET /latest/meta-data/placement/region": answer,
      "GET /latest/meta-data/placement/availability-zone": answer,
      "GET /latest/meta-data/instance-type": answer,
      [`GET ${ID}`]: answer,
    });
    const imds = client(server.endpoint);

    for (const read of [imds.region, imds.availabilityZone, imds.instanceType, imds.instanceId]) {
      expect(await failure(read({ attempts: 1 }))).toMatchObject({ code: "IMDS_BAD_ANSWER" });
    }
  });

  it.each(["latest/meta-data", "/latest/two words", "/latest\r\nx: y"])(
    "are not asked for at %j, which is no path",
    async (path) => {
      const server = await imdsServer();

      await expect(client(server.endpoint).get(path)).rejects.toThrow(InvalidInputError);
      expect(server.seen).toEqual([]);
    },
  );

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
