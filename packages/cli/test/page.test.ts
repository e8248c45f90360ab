/** The page that commands show, asked for as browsers do. */

import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Hello, Tick } from "@evertoken/telemetry/live";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken } from "./command.js";

const dashboard = dirname(createRequire(import.meta.url).resolve("@evertoken/dashboard/package.json"));
const isBuilt = existsSync(join(dashboard, "dist/page/index.html"));

/** Reads a page's stream until it is enough, or it ends. */
async function read(url: string, isEnough: (hello: Hello, ticks: readonly Tick[]) => boolean) {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const response = await fetch(`${url}/api/live`, { signal: ending.signal });
  let hello: Hello | undefined;
  const ticks: Tick[] = [];
  let unread = "";
  try {
    for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      const messages = `${unread}${text}`.split("\n\n");
      unread = messages.pop() ?? "";
      for (const message of messages) {
        const [, event, data = ""] = /^event: (\w+)\ndata: (.*)$/.exec(message) ?? [];
        if (event === "hello") hello = JSON.parse(data);
        if (event === "tick") ticks.push(JSON.parse(data));
        if (hello !== undefined && isEnough(hello, ticks)) return { hello, ticks };
      }
    }
  } catch {
    // The process has ended, and its streams with it.
  }
  if (hello === undefined) throw new Error("there was no greeting");
  return { hello, ticks };
}

async function addressIn(command: ReturnType<typeof evertoken>, pattern: RegExp): Promise<string> {
  const [, url = ""] = pattern.exec(await command.says(pattern)) ?? [];
  return url;
}

describe("the page of evertoken demo", { timeout: 60_000 }, () => {
  it("has its address printed first, and shows both lanes while they live through their day", async () => {
    const demo = evertoken(["demo", "--clients", "10", "--hours", "1"]);
    const url = await addressIn(demo, /^watch it at (http:\/\/127\.0\.0\.1:\d+)\n/);

    const { hello, ticks } = await read(url, () => false);

    expect(await demo.ended).toBe(0);
    expect(hello).toMatchObject({ subject: "demo", tickMs: 200, state: { speed: 1 } });
    const { state } = ticks.at(-1) as Tick;
    const [ours, stock] = state.lanes;
    expect([ours?.name, stock?.name]).toEqual(["evertoken", "stock"]);
    expect(ours?.totals).toMatchObject({ failures: 0, surfaced: 0, requests: expect.any(Number) });
    expect(ours?.totals.requests).toBeGreaterThan(150);
    expect(ours?.pools[0]?.members.length).toBeGreaterThan(0);
    // Issued, taken and refused, as the simulator and the Keeper know it; a watch that is quicker than any request spares a refusal.
    const generations = ours?.keepers[0]?.generations ?? [];
    expect(generations[0]).toMatchObject({ issuedAt: expect.any(Number) });
    expect(generations.some(({ rejectedAt }) => rejectedAt !== undefined)).toBe((ours?.totals.rejections ?? 0) > 0);
    expect(stock?.totals.surfaced).toBeGreaterThan(0);
    expect(stock?.survivalMs).toBe(0);
    expect(stock?.keepers[0]?.generations.length).toBeGreaterThan(0);
    expect(
      ticks.some(({ state: { faults, speed } }) => faults.some(({ name }) => name === "imds-down") && speed === 1350),
    ).toBe(true);
    // What is added up of the ticks is what there was in all.
    const requests = [0, 1].map((lane) =>
      ticks.reduce(
        (sum, { samples }) => sum + (samples[lane]?.requests ?? 0),
        hello.samples[lane]?.at(-1)?.requests ?? 0,
      ),
    );
    expect(requests).toEqual([ours?.totals.requests, stock?.totals.requests]);
  });

  it("is not there with --no-page", async () => {
    const demo = evertoken(["demo", "--clients", "5", "--hours", "0.5", "--no-page"]);

    expect(await demo.ended).toBe(0);
    expect(demo.printed()).not.toContain("http://");
  });

  it("ends with an interrupted demo", async () => {
    const demo = evertoken(["demo", "--clients", "5"]);
    const url = await addressIn(demo, /^watch it at (\S+)\n/);
    const reading = read(url, () => false);
    await demo.says("requests");

    demo.child.kill("SIGINT");

    expect(await demo.ended).toBe(130);
    expect((await reading).ticks.length).toBeGreaterThan(0);
  });

  it.skipIf(!isBuilt)("stays as one file with --html, without any secret", async () => {
    const folder = await mkdtemp(join(tmpdir(), "evertoken-html-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const path = join(folder, "demo.html");

    const demo = evertoken(["demo", "--clients", "5", "--hours", "0.5", "--no-page", "--html", path]);

    expect(await demo.ended).toBe(0);
    expect(await readdir(folder)).toEqual(["demo.html"]);
    const html = await readFile(path, "utf8");
    const [, record = ""] = /<script type="application\/json" id="record">(.*?)<\/script>/s.exec(html) ?? [];
    const { hello } = JSON.parse(record) as { hello: Hello };
    expect(hello.state.lanes.map(({ name }) => name)).toEqual(["evertoken", "stock"]);
    expect(hello.told.length).toBeGreaterThan(5);
    expect(html).not.toMatch(/IQoJ[A-Za-z0-9+/=]{20}/);
  });

  it("is refused a file that cannot be written before anything has begun", async () => {
    const demo = evertoken(["demo", "--html", "/no/such/folder/demo.html"]);

    expect(await demo.ended).toBe(2);
    expect(demo.printed()).toContain("--html cannot be written: /no/such/folder");
  });
});

describe("the page of evertoken simulate", () => {
  it("shows what the simulated instance hands out, and the faults that are active", async () => {
    const simulate = evertoken(["simulate", "--imds-port", "0", "--s3-port", "0", "--fault", "imds-slow"]);
    const url = await addressIn(simulate, /^page +at (\S+)$/m);

    const { hello } = await read(url, () => true);

    expect(hello).toMatchObject({
      subject: "simulate",
      state: { faults: [{ name: "imds-slow", since: expect.any(Number) }], lanes: [{ name: "simulator" }] },
    });
    expect((await fetch(`${url}/`, { headers: { accept: "text/html" } })).headers.get("content-type")).toMatch(
      /^text\/html/,
    );
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
  });
});

describe("evertoken dashboard", () => {
  it("shows a fleet by its Prometheus until it is told to stop", async () => {
    const server = createServer((_, response) => void response.end('{"status":"success","data":[]}'));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const prometheus = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const command = evertoken(["dashboard", "--prometheus", prometheus, "--port", "0"]);
    const url = await addressIn(command, /is at (http:\S+)/);

    expect(await (await fetch(`${url}/api/mode`)).json()).toEqual({ mode: "fleet", prometheus });
    expect(await (await fetch(`${url}/api/prometheus/label/instance/values`)).json()).toMatchObject({ data: [] });
    command.child.kill("SIGTERM");

    expect(await command.ended).toBe(0);
  });

  it.each([
    [[], "required option '--prometheus <url>' not specified"],
    [["--prometheus", "prometheus:9090"], "expected http(s)://host[:port][/prefix]"],
    [["--prometheus", "http://p:9090", "--port", "x"], "expected a whole number from 0 to 65535"],
  ])("refuses %j", async (args, says) => {
    const command = evertoken(["dashboard", ...args]);

    expect(await command.ended).toBe(2);
    expect(command.printed()).toContain(says);
  });
});
