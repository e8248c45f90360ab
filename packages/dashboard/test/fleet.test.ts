import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidInputError, VirtualClock } from "@evertoken/core";
import { createFleet, type FleetOptions } from "@evertoken/dashboard";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask, fleetDashboard } from "./server.js";

const SUCCESS = JSON.stringify({ status: "success", data: { resultType: "vector", result: [] } });

/** What speaks Prometheus's API, or should. */
async function upstream(answer: RequestListener) {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const prometheus = () =>
  upstream((_, response) => void response.setHeader("content-type", "application/json").end(SUCCESS));

async function fleet(options: FleetOptions) {
  const { url } = await fleetDashboard(createFleet(options));
  return async (path: string) => {
    const { status, body } = await ask(url, path);
    return { status, json: JSON.parse(body) };
  };
}

describe("a fleet", () => {
  it("is the mode of a page in front of a Prometheus", async () => {
    const { url } = await prometheus();
    const get = await fleet({ prometheusUrl: `${url}/` });

    expect((await get("/api/mode")).json).toEqual({ mode: "fleet", prometheus: url });
    expect((await get("/api/live")).status).toBe(404);
  });

  it.each([
    ["/query?query=up%7Bjob%3D%22a%22%7D&time=5", "/api/v1/query?query=up%7Bjob%3D%22a%22%7D&time=5"],
    ["/query_range?query=up&start=1&end=9&step=2", "/api/v1/query_range?query=up&start=1&end=9&step=2"],
    ["/label/instance/values?match[]=up", "/api/v1/label/instance/values?match%5B%5D=up"],
  ])("can be asked %s", async (path, passedOn) => {
    const { url, asked } = await prometheus();
    const get = await fleet({ prometheusUrl: `${url}/prometheus/` });

    const { status, json } = await get(`/api/prometheus${path}`);

    expect([status, json]).toEqual([200, JSON.parse(SUCCESS)]);
    expect(asked.map(({ method, url }) => `${method} ${url}`)).toEqual([`GET /prometheus${passedOn}`]);
  });

  it.each([
    ["/api/prometheus/admin/tsdb/delete_series?match[]=up", 404, "expected query, query_range or label/NAME/values"],
    ["/api/prometheus/label/..%2Fadmin/values", 404, "expected query"],
    ["/api/prometheus/query?query=up&dedup=true", 400, "dedup: expected query, time"],
    [`/api/prometheus/query?query=${"a".repeat(8001)}`, 400, "query is longer than 8000"],
  ])("cannot be asked %s", async (path, status, message) => {
    const { url, asked } = await prometheus();
    const get = await fleet({ prometheusUrl: url });

    const answer = await get(path);

    expect([answer.status, answer.json]).toMatchObject([
      status,
      { status: "error", error: expect.stringContaining(message) },
    ]);
    expect(asked).toEqual([]);
  });

  it("says itself what is wrong with a query", async () => {
    const error = { status: "error", errorType: "bad_data", error: "1:4: parse error: unclosed left parenthesis" };
    const { url } = await upstream((_, response) => void response.writeHead(400).end(JSON.stringify(error)));
    const get = await fleet({ prometheusUrl: url });

    expect(await get("/api/prometheus/query?query=sum(")).toEqual({ status: 400, json: error });
  });

  it("is told of in words when it is not there", async () => {
    const get = await fleet({ prometheusUrl: "http://127.0.0.1:1/prometheus" });

    const { status, json } = await get("/api/prometheus/query?query=up");

    expect(status).toBe(502);
    expect(json.error).toMatch(/^Prometheus at http:\/\/127\.0\.0\.1:1\/prometheus does not answer: /);
  });

  it("is told of in words when something else answers, or sends elsewhere", async () => {
    const page = await upstream((_, response) => void response.writeHead(200).end("<html>Grafana</html>"));
    const moved = await upstream(
      (_, response) => void response.writeHead(302, { location: "http://elsewhere/" }).end(),
    );

    for (const { url } of [page, moved]) {
      const { status, json } = await (await fleet({ prometheusUrl: url }))("/api/prometheus/query?query=up");
      expect(status).toBe(502);
      expect(json.error).toContain("is not Prometheus: the URL may lack a prefix, such as /prometheus");
    }
  });

  it("has so long to answer and no longer", async () => {
    const silent = await upstream(() => {});
    const clock = new VirtualClock();
    const get = await fleet({ prometheusUrl: silent.url, timeoutMs: 5000, clock });

    const answer = get("/api/prometheus/query?query=up");
    while (silent.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(5000);

    expect(await answer).toMatchObject({
      status: 504,
      json: { error: expect.stringContaining("has not answered in 5000 ms") },
    });
  });

  it("may not answer without end", async () => {
    const { url } = await upstream((_, response) => {
      const chunk = "x".repeat(1 << 20);
      const more = () => {
        while (response.write(chunk));
      };
      response.on("drain", more);
      more();
    });
    const get = await fleet({ prometheusUrl: url });

    expect(await get("/api/prometheus/query?query=up")).toMatchObject({
      status: 502,
      json: { error: expect.stringContaining("is larger than 16 MiB") },
    });
  });

  it("is asked with what the authorization file holds at that moment, which is shown to nobody", async () => {
    const folder = mkdtempSync(join(tmpdir(), "evertoken-fleet-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const authorizationFile = join(folder, "authorization");
    const { url, asked } = await upstream(({ headers }, response) => {
      response.writeHead(headers.authorization === "Bearer planted-2" ? 200 : 401).end(SUCCESS);
    });
    const get = await fleet({ prometheusUrl: url, authorizationFile });

    const missing = await get("/api/prometheus/query?query=up");
    writeFileSync(authorizationFile, "planted-0\n");
    const malformed = await get("/api/prometheus/query?query=up");
    writeFileSync(authorizationFile, "Bearer planted-1\n");
    const refused = await get("/api/prometheus/query?query=up");
    writeFileSync(authorizationFile, "Bearer planted-2\n");
    const taken = await get("/api/prometheus/query?query=up");

    expect([missing, malformed, refused, taken].map(({ status }) => status)).toEqual([502, 502, 502, 200]);
    expect(missing.json.error).toContain("cannot be read");
    expect(malformed.json.error).toContain("does not hold one line");
    expect(refused.json.error).toContain("refuses to answer (401): it does not take what the file holds");
    expect(asked.map(({ headers }) => headers.authorization)).toEqual(["Bearer planted-1", "Bearer planted-2"]);
    expect(JSON.stringify([missing, malformed, refused, taken])).not.toContain("planted");
  });

  it.each(["prometheus:9090", "ftp://host", "http://user:secret@host", "http://host/?a=b"])(
    "is not at %s",
    (prometheusUrl) => {
      expect(() => createFleet({ prometheusUrl })).toThrow(InvalidInputError);
    },
  );
});
