import { gunzipSync } from "node:zlib";
import { createDashboard, DashboardPortError, serveDashboard } from "@evertoken/dashboard";
import { describe, expect, it } from "vitest";
import { ask, liveDashboard } from "./server.js";

describe("the page's files", () => {
  it("come with their types, and nothing else of the folder does", async () => {
    const { url } = await liveDashboard();
    const types = async (path: string) => {
      const { status, headers } = await ask(url, path);
      return [status, headers["content-type"]];
    };

    expect(await types("/")).toEqual([200, "text/html; charset=utf-8"]);
    expect(await types("/?from=a-bookmark")).toEqual([200, "text/html; charset=utf-8"]);
    expect(await types("/page.js")).toEqual([200, "text/javascript; charset=utf-8"]);
    expect(await types("/page.css")).toEqual([200, "text/css; charset=utf-8"]);
    expect(await types("/icon.svg")).toEqual([200, "image/svg+xml"]);
    for (const path of ["/page.js.map", "/../package.json", "/%2e%2e/package.json", "//etc/passwd", "/none"]) {
      expect(await types(path)).toEqual([404, "application/json"]);
    }
  });

  it("are not sent again to who has them", async () => {
    const { url } = await liveDashboard();
    const { headers } = await ask(url, "/page.js");

    const again = await ask(url, "/page.js", { "if-none-match": `"other", ${headers.etag}` });

    expect([again.status, again.body]).toEqual([304, ""]);
    expect(again.headers.etag).toBe(headers.etag);
    expect(headers["cache-control"]).toBe("no-cache");
    expect((await ask(url, "/page.js", { "if-none-match": '"other"' })).status).toBe(200);
  });

  it("are compressed for who can read that", async () => {
    const { url } = await liveDashboard();
    const plain = await ask(url, "/page.js");

    const zipped = await ask(url, "/page.js", { "accept-encoding": "br, gzip" });

    expect(plain.headers).not.toHaveProperty("content-encoding");
    expect(zipped.headers).toMatchObject({ "content-encoding": "gzip", vary: "accept-encoding" });
    expect(gunzipSync(Buffer.from(zipped.body, "latin1")).toString()).toBe(plain.body);
    expect(zipped.body.length).toBeLessThan(plain.body.length / 2);
  });

  it("say what to do when the page was not built", async () => {
    const { live } = await liveDashboard();
    const page = createDashboard({ live, folder: "/no/such/folder" });
    const served = await serveDashboard(page, { port: 0 });

    expect((await ask(served.url, "/")).body).toContain("npm run build");

    await served.close();
  });

  it("are on a port that is free, or there is an error that says so", async () => {
    const { url, page } = await liveDashboard();

    await expect(serveDashboard(page, { port: Number(new URL(url).port) })).rejects.toThrow(DashboardPortError);
  });
});

describe("who may ask", () => {
  it("gets every answer with the headers that let it do nothing but show the page", async () => {
    const { url } = await liveDashboard();

    for (const path of ["/", "/page.js", "/api/mode", "/none"]) {
      expect((await ask(url, path)).headers).toMatchObject({
        "content-security-policy":
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-resource-policy": "same-origin",
      });
    }
  });

  it.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])("cannot %s anything", async (method) => {
    const { url } = await liveDashboard();

    const { status, headers } = await ask(url, "/api/mode", {}, method);

    expect([status, headers.allow]).toEqual([405, "GET, HEAD"]);
  });

  it("may ask for heads", async () => {
    const { url } = await liveDashboard();

    expect(await ask(url, "/", {}, "HEAD")).toMatchObject({ status: 200, body: "" });
    expect(await ask(url, "/api/live", {}, "HEAD")).toMatchObject({ status: 200, body: "" });
  });

  const asks = "on this host";
  it.each([
    ["the address", { host: "127.0.0.1:9822" }],
    ["the name", { host: "localhost" }],
    ["a tunnel's port", { host: "LOCALHOST:8080" }],
    ["IPv6", { host: "[::1]:9822" }],
    ["its own page", { host: "localhost:80", origin: "http://localhost:80", "sec-fetch-site": "same-origin" }],
    ["the address bar", { "sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }],
    [
      "a link elsewhere",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
    ],
  ])(`is a browser ${asks}, by %s`, async (_, headers) => {
    const { url } = await liveDashboard();

    expect((await ask(url, "/", headers)).status).toBe(200);
  });

  it.each([
    ["a name that was rebound to loopback", { host: "evil.example:9822" }, "the Host is"],
    ["a name that looks like ours", { host: "localhost.evil.example" }, "the Host is"],
    ["another site's script", { origin: "https://evil.example" }, "another site asks"],
    ["another port's page", { host: "localhost:9822", origin: "http://localhost:3000" }, "another site asks"],
    ["another site's fetch", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, "another site asks"],
    [
      "another site's frame",
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
      "another site asks",
    ],
    ["a sibling's fetch", { "sec-fetch-site": "same-site", "sec-fetch-mode": "cors" }, "another site asks"],
    ["a proxy", { "x-forwarded-for": "10.0.0.1" }, "a proxy"],
    ["another proxy", { forwarded: "for=10.0.0.1" }, "a proxy"],
  ])("is not %s", async (_, headers, why) => {
    const { url } = await liveDashboard();

    for (const path of ["/", "/api/live", "/api/mode"]) {
      const { status, body } = await ask(url, path, headers);
      expect(status).toBe(403);
      expect(JSON.parse(body)).toMatchObject({ errorType: "FORBIDDEN", error: expect.stringContaining(why) });
    }
  });
});

describe("the mode", () => {
  it("is that of a host where one process is shown", async () => {
    const { url } = await liveDashboard();

    expect(JSON.parse((await ask(url, "/api/mode")).body)).toEqual({ mode: "host" });
    expect((await ask(url, "/api/prometheus/query?query=up")).status).toBe(404);
  });
});
