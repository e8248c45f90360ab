import { abortable, createEvents, measureSkew, settlesWithin, VirtualClock } from "@evertoken/core";
import { describe, expect, it } from "vitest";

const never = new Promise<never>(() => {});

describe("waiting for something shared", () => {
  it("ends for the caller whose signal aborts, and only for that one", async () => {
    let fulfil = (_: string) => {};
    const shared = new Promise<string>((resolve) => {
      fulfil = resolve;
    });
    const abort = new AbortController();
    const impatient = abortable(shared, abort.signal);
    const patient = abortable(shared, new AbortController().signal);

    abort.abort(new Error("gone"));
    fulfil("here");

    await expect(impatient).rejects.toThrow("gone");
    await expect(patient).resolves.toBe("here");
  });

  it("does not begin under a signal that has aborted", async () => {
    await expect(abortable(never, AbortSignal.abort(new Error("gone")))).rejects.toThrow("gone");
  });

  it("leaves no listener on the signal behind", async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = ((...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    }) as typeof signal.addEventListener;
    signal.removeEventListener = ((...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    }) as typeof signal.removeEventListener;

    await abortable(Promise.resolve(1), signal);
    await new Promise((resolve) => setImmediate(resolve));

    expect(listeners).toBe(0);
  });
});

describe("waiting for a while", () => {
  it("tells that it settled in time, even when it failed", async () => {
    const clock = new VirtualClock();

    expect(await settlesWithin(Promise.resolve(), 1000, clock)).toBe(true);
    expect(await settlesWithin(Promise.reject(new Error("no")), 1000, clock)).toBe(true);
  });

  it("tells that it did not, and leaves no timer", async () => {
    const clock = new VirtualClock();
    const waiting = settlesWithin(never, 1000, clock);

    await clock.advance(1000);

    expect(await waiting).toBe(false);
    expect(clock.pending).toBe(0);
  });

  it("leaves no timer when it settled in time", async () => {
    const clock = new VirtualClock();

    await settlesWithin(Promise.resolve(), 1000, clock);

    expect(clock.pending).toBe(0);
  });

  it("ends with the signal's reason", async () => {
    const clock = new VirtualClock();
    const abort = new AbortController();
    const waiting = settlesWithin(never, 1000, clock, abort.signal);

    abort.abort(new Error("gone"));

    await expect(waiting).rejects.toThrow("gone");
    expect(clock.pending).toBe(0);
  });
});

describe("events", () => {
  it("reach everyone who listens, until they stop", () => {
    const events = createEvents<{ said: string }>();
    const heard: string[] = [];
    const stop = events.on("said", (word) => heard.push(`a ${word}`));
    events.on("said", (word) => heard.push(`b ${word}`));

    events.emit("said", "one");
    stop();
    events.emit("said", "two");

    expect(heard).toEqual(["a one", "b one", "b two"]);
  });

  it("say whether anybody listens", () => {
    const events = createEvents<{ said: string; sung: string }>();
    expect(events.isHeard("said")).toBe(false);

    const stop = events.on("said", () => {});

    expect([events.isHeard("said"), events.isHeard("sung")]).toEqual([true, false]);
    stop();
    expect(events.isHeard("said")).toBe(false);
  });

  it("go on when a listener throws, and the process is warned", async () => {
    const events = createEvents<{ said: string }>();
    const heard: string[] = [];
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    events.on("said", () => {
      throw new Error("clumsy");
    });
    events.on("said", (word) => heard.push(word));

    events.emit("said", "one");

    expect(heard).toEqual(["one"]);
    expect((await warned).message).toContain("clumsy");
  });
});

describe("measuring skew from a Date header", () => {
  const noon = Date.UTC(2026, 10, 23, 12);
  const at = (ms: number) => new Date(ms).toUTCString();

  it.each([
    ["the same second", at(noon), noon, noon + 20, 0],
    ["a second cut down by the header", at(noon), noon + 950, noon + 990, 0],
    ["an answer long on its way", at(noon + 4000), noon, noon + 9000, 0],
    ["a host that is ten minutes behind", at(noon + 600_000), noon, noon, 600_500],
    ["a host that is an hour ahead", at(noon), noon + 3_600_000, noon + 3_600_000, -3_599_500],
  ])("counts %s", (_, header, sentAt, receivedAt, skewMs) => {
    expect(measureSkew(header, sentAt, receivedAt)).toBe(skewMs);
  });

  it.each([undefined, "", "yesterday"])("cannot be done from %j", (header) => {
    expect(measureSkew(header, noon, noon)).toBeUndefined();
  });
});
