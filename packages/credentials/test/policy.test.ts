import { seededRandom } from "@evertoken/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { askAgainIn, judge, type KeeperState, untilNextFreshness, windowsFor } from "../src/policy.js";
import { HOUR, MINUTE } from "./offers.js";

const unjittered = () => 0.5;

describe("the windows follow from the lifetime", () => {
  it.each([
    [5 * MINUTE, 5 * MINUTE],
    [20 * MINUTE, 5 * MINUTE],
    [20 * MINUTE + 1, 15 * MINUTE],
    [90 * MINUTE - 1, 15 * MINUTE],
    [90 * MINUTE, 60 * MINUTE],
    [6 * HOUR, 60 * MINUTE],
    [Number.POSITIVE_INFINITY, 60 * MINUTE],
  ])("a lifetime of %i ms: advisory for the last %i ms, mandatory for the last minute", (lifetime, advisoryMs) => {
    expect(windowsFor(lifetime, unjittered)).toEqual({ advisoryMs, mandatoryMs: MINUTE });
  });
});

describe("what time left counts as", () => {
  const windows = { advisoryMs: HOUR, mandatoryMs: MINUTE };
  it.each([
    [Number.POSITIVE_INFINITY, "fresh"],
    [HOUR + 1, "fresh"],
    [HOUR, "advisory"],
    [MINUTE + 1, "advisory"],
    [MINUTE, "mandatory"],
    [1, "mandatory"],
    [0, "expired"],
    [-HOUR, "expired"],
  ])("%d ms: %s", (remaining, state) => {
    expect(judge(remaining, windows)).toBe(state);
  });

  it("changes exactly when it says it will", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 * HOUR }), (remaining) => {
        const until = untilNextFreshness(remaining, windows);
        expect(judge(remaining - until, windows)).not.toBe(judge(remaining, windows));
        expect(judge(remaining - until + 1, windows)).toBe(judge(remaining, windows));
      }),
    );
  });
});

describe("the pace of asking", () => {
  const between = (state: KeeperState, fruitless: number, least: number, most: number) => {
    const random = seededRandom(1);
    for (let draw = 0; draw < 200; draw++) {
      const pause = askAgainIn(state, fruitless, true, random);
      expect(pause).toBeGreaterThanOrEqual(least);
      expect(pause).toBeLessThanOrEqual(most);
    }
  };

  it("is about five minutes while all is well", () => between("fresh", 0, 4.5 * MINUTE, 5.5 * MINUTE));
  it("is one to five minutes in the advisory window", () => between("advisory", 40, MINUTE, 5 * MINUTE));
  it("is at most ten seconds in the mandatory window", () => between("mandatory", 40, 0, 10_000));
  it("is at most ten seconds when rejected", () => between("rejected", 40, 0, 10_000));
  it("is at once, with back-off, when expired", () => between("expired", 1, 0, 1000));
  it("is never more than ten minutes when expired", () => between("expired", 40, 0, 10 * MINUTE));

  it("leaves a source that is not to be watched alone until the advisory window", () => {
    expect(askAgainIn("fresh", 0, false, unjittered)).toBe(Number.POSITIVE_INFINITY);
  });
});
