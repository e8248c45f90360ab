import { describe, expect, it } from "vitest";
import { Journal, type JournalEntry } from "../src/journal.js";

function entry(changes: Partial<JournalEntry> = {}): Omit<JournalEntry, "number"> {
  return {
    at: 0,
    service: "imds",
    client: "default",
    operation: "token",
    method: "PUT",
    path: "/latest/api/token",
    status: 200,
    decision: "ok",
    ...changes,
  };
}

describe("a journal", () => {
  it("numbers its entries over all services and gives them oldest first", () => {
    const journal = new Journal();
    journal.record(entry());
    journal.record(entry({ service: "s3", operation: "PutObject" }));

    expect(journal.entries().map(({ number, operation }) => [number, operation])).toEqual([
      [1, "token"],
      [2, "PutObject"],
    ]);
  });

  it("gives only what is asked for", () => {
    const journal = new Journal();
    for (const status of [200, 401, 200]) journal.record(entry({ status }));

    expect(journal.entries(({ status }) => status === 401).map(({ number }) => number)).toEqual([2]);
  });

  it.each([2, 3, 4, 6, 7])("that holds three entries keeps the newest, in order, of %i", (count) => {
    const journal = new Journal({ most: 3 });
    for (let number = 1; number <= count; number++) journal.record(entry());

    const expected = Array.from({ length: count }, (_, index) => index + 1).slice(-3);
    expect(journal.entries().map(({ number }) => number)).toEqual(expected);
  });

  it("goes on counting what it no longer keeps, each client by itself", () => {
    const journal = new Journal({ most: 2 });
    for (let number = 0; number < 5; number++) journal.record(entry());
    journal.record(entry({ client: "lane", operation: "role-list" }));

    expect(journal.count("imds", "default")).toEqual({ requests: 5, byOperation: { token: 5 } });
    expect(journal.count("imds", "lane")).toEqual({ requests: 1, byOperation: { "role-list": 1 } });
    expect(journal.count("s3", "default")).toEqual({ requests: 0, byOperation: {} });
  });

  it("keeps fewer long entries than short ones", () => {
    const kept = (path: string) => {
      const journal = new Journal({ mostBytes: 100_000 });
      for (let number = 0; number < 500; number++) journal.record(entry({ path }));
      return journal.entries().map(({ number }) => number);
    };

    const [short, long] = [kept("/latest/api/token"), kept(`/${"x".repeat(8000)}`)];

    expect([short.at(-1), long.at(-1)]).toEqual([500, 500]);
    expect(short.length).toBeGreaterThan(200);
    expect(long.length).toBeLessThan(10);
  });

  it("keeps an entry that is too long by itself, until the next one", () => {
    const journal = new Journal({ mostBytes: 1000 });
    journal.record(entry({ path: "x".repeat(8000) }));
    expect(journal.entries()).toHaveLength(1);

    journal.record(entry());

    expect(journal.entries().map(({ number }) => number)).toEqual([2]);
  });

  it("counts what clients think up together, and under no name that is none", () => {
    const journal = new Journal();
    for (const operation of ["__proto__", "constructor"]) journal.record(entry({ operation }));
    for (let number = 0; number < 1000; number++) journal.record(entry({ operation: `made-up-${number}` }));
    journal.record(entry({ operation: "constructor" }));

    const { requests, byOperation } = journal.count("imds", "default");

    expect(requests).toBe(1003);
    expect(Object.keys(byOperation)).toHaveLength(201);
    expect(byOperation).toMatchObject({ constructor: 2, other: 802 });
    expect(Object.getOwnPropertyDescriptor(byOperation, "__proto__")?.value).toBe(1);
  });

  it("tells each entry once, until one stops listening", () => {
    const journal = new Journal();
    const heard: number[] = [];
    const stop = journal.on("entry", ({ number }) => heard.push(number));
    journal.record(entry());
    stop();
    journal.record(entry());

    expect(heard).toEqual([1]);
  });

  it("holds entries that cannot be changed", () => {
    const journal = new Journal();
    journal.record(entry());

    expect(journal.entries()[0]).toSatisfy(Object.isFrozen);
  });
});
