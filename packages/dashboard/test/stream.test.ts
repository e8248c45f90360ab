import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import type { Hello, Tick, Told } from "@evertoken/telemetry/live";
import { describe, expect, it, onTestFinished } from "vitest";
import { ask, liveDashboard } from "./server.js";

const SECOND = 1000;
const HOUR = 3_600_000;

interface Message {
  readonly event: string;
  readonly data: unknown;
}

/** Reads server-sent events as a browser does, but never by itself again. */
async function reader(url: string) {
  const messages: Message[] = [];
  let raw = "";
  let unread = "";
  let wake = () => {};
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(`${url}/api/live`, { headers: { accept: "text/event-stream" } }, resolve)
      .on("error", reject)
      .end();
  });
  onTestFinished(() => void incoming.destroy());
  incoming.setEncoding("utf8");
  const ended = new Promise<void>((resolve) => {
    incoming.on("error", () => resolve());
    incoming.on("close", () => resolve());
  });
  incoming.on("data", (text: string) => {
    raw += text;
    unread += text;
    const blocks = unread.split("\n\n");
    unread = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event !== undefined) messages.push({ event: fields.event, data: JSON.parse(fields.data) });
    }
    wake();
  });
  const until = async <T>(find: () => T | undefined | false): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined && found !== false) return found;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const has = (count: number, event: string) =>
    until(() => {
      const found = messages.filter((message) => message.event === event);
      return found.length >= count && found;
    });
  const hello = async () => (await has(1, "hello"))[0]?.data as Hello;
  return { incoming, messages, has, hello, ended, until, raw: () => raw };
}

describe("the live stream", () => {
  it("greets with all there is, then tells each tick and what happened", async () => {
    const { url, clock, live, lane } = await liveDashboard();
    live.tell({ at: clock.now(), kind: "state", severity: "note", text: "It was so before." });

    const { incoming, hello, has, raw } = await reader(url);
    expect(incoming.headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
    });
    expect(await hello()).toMatchObject({
      subject: "application",
      host: "test-host",
      tickMs: 1000,
      state: { now: clock.now(), lanes: [{ name: "evertoken" }] },
      samples: [[{ requests: 0 }]],
      told: [{ id: 0, text: "It was so before." }],
    });
    expect(raw()).toMatch(/^retry: 1000\n\n/);

    lane.noteRequest({ durationMs: 5 });
    await clock.advance(2 * SECOND);
    live.tell({ at: clock.now(), kind: "state", severity: "good", text: "It is so now." });
    const ticks = (await has(2, "tick")).map(({ data }) => data as Tick);
    expect(ticks.map(({ samples }) => samples[0]?.requests)).toEqual([1, 0]);
    expect(ticks[1]?.state.now).toBe(clock.now());
    expect((await has(1, "told")).map(({ data }) => (data as Told).id)).toEqual([1]);
  });

  it("gives who comes back everything that it missed, in order and once", async () => {
    const { url, clock, live, lane } = await liveDashboard();
    const first = await reader(url);
    await first.hello();
    first.incoming.destroy();

    for (let hour = 0; hour < 8; hour++) {
      lane.noteRequest({});
      await clock.advance(SECOND);
      live.tell({ at: clock.now(), kind: "state", severity: "note", text: `Hour ${hour}.` });
    }
    const second = await reader(url);
    await second.hello();
    await clock.advance(SECOND);
    await second.has(1, "tick");

    const { run, samples, told } = await second.hello();
    expect(run).toBe((await first.hello()).run);
    expect(samples[0]?.reduce((sum, { requests }) => sum + requests, 0)).toBe(8);
    expect(told.map(({ id }) => id)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it("says that it is there while there is nothing to say", async () => {
    const { url, clock, live } = await liveDashboard();
    live.close();
    const { hello, raw, until } = await reader(url);
    await hello();

    await clock.advance(31 * SECOND);

    await until(() => raw().match(/^:\n$/gm)?.length === 2);
  });

  it("shows a host that slept as a gap, and says so", async () => {
    const { url, clock } = await liveDashboard();
    const { has } = await reader(url);
    await clock.advance(2 * SECOND);
    await has(2, "tick");

    clock.step(9 * HOUR);
    await clock.advance(SECOND);

    const ticks = (await has(3, "tick")).map(({ data }) => data as Tick);
    expect((ticks[2]?.state.now ?? 0) - (ticks[1]?.state.now ?? 0)).toBe(9 * HOUR + SECOND);
    expect((await has(1, "told")).map(({ data }) => (data as Told).text)).toEqual([
      expect.stringContaining("9 h ahead"),
    ]);
  });

  it("lets go of a reader that does not read, and of nobody else", async () => {
    const { url, clock, live } = await liveDashboard();
    const { port } = new URL(url);
    const slow = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void slow.destroy());
    slow.write(`GET /api/live HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await new Promise((resolve) => slow.once("readable", resolve));
    const closed = new Promise<void>((resolve) => {
      slow.on("error", () => resolve());
      slow.on("close", () => resolve());
    });
    const good = await reader(url);
    await good.hello();

    const large = "x".repeat(200_000);
    let told = 0;
    for (; told < 100; told++) {
      live.tell({ at: clock.now(), kind: "state", severity: "note", text: large });
      await good.has(told + 1, "told");
    }

    slow.resume();
    await closed;
    await clock.advance(SECOND);
    await good.has(1, "tick");
    expect(good.messages.filter(({ event }) => event === "told")).toHaveLength(100);
  });

  it("is for thirty-two readers at a time", async () => {
    const { url } = await liveDashboard();
    const readers = await Promise.all(Array.from({ length: 32 }, () => reader(url)));
    await Promise.all(readers.map(({ hello }) => hello()));

    const refused = await ask(url, "/api/live");
    expect(refused).toMatchObject({ status: 503, headers: { "retry-after": "5" } });
    expect(JSON.parse(refused.body).error).toBe("too many pages are open: close some");

    readers[0]?.incoming.destroy();
    for (;;) {
      const [again] = await Promise.allSettled([reader(url)]);
      if (again.status === "fulfilled" && again.value.incoming.statusCode === 200) break;
    }
  });

  it("ends for everybody when the server does", async () => {
    const { url, close } = await liveDashboard();
    const { hello, ended } = await reader(url);
    await hello();

    await close();

    await ended;
  });
});
