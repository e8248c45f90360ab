import { describe, expect, it } from "vitest";
import { isSteady } from "../src/run/warm-up.js";

/** Turns of a client that took so many microseconds of CPU time for an operation, and was busy all the time. */
const turns = (...us: readonly number[]) =>
  us.map((each) => ({ seconds: 0.15, cpuSeconds: 0.15, operations: Math.round(150_000 / each) }));

describe("a client that warms up", () => {
  it("is not warm while its turns get cheaper, or before there are enough of them", () => {
    expect(isSteady(turns(1590, 1330, 950, 790, 670, 615, 610, 600))).toBe(false);
    expect(isSteady(turns(60, 60, 60, 60, 60, 60, 60))).toBe(false);
  });

  it("is warm when they do not any more, give or take", () => {
    expect(isSteady(turns(190, 66, 62, 61, 60, 59, 62, 61, 58))).toBe(true);
  });

  it("is as warm when the machine held up one of the earlier turns", () => {
    expect(isSteady(turns(62, 61, 160, 60, 61, 62, 61, 60))).toBe(true);
  });

  it("is not warm where nothing succeeds", () => {
    expect(isSteady(turns(60, 60, 60, 60, 60, 60, 60, 60).map((turn) => ({ ...turn, operations: 0 })))).toBe(false);
  });
});
