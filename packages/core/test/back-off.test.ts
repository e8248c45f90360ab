import { backOff, jittered, seededRandom } from "@evertoken/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("the back-off", () => {
  it.each([
    [1, 100],
    [2, 200],
    [3, 400],
    [4, 800],
    [5, 1000],
    [60, 1000],
  ])("after %i failures in a row is anything up to %i ms", (failures, ceiling) => {
    expect(backOff(failures, { baseMs: 100, maxMs: 1000, random: () => 0 })).toBe(0);
    expect(backOff(failures, { baseMs: 100, maxMs: 1000, random: () => 0.5 })).toBe(ceiling / 2);
  });

  it("never leaves its bounds, whatever the number of failures", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, chance) => {
          const pause = backOff(failures, { baseMs: 100, maxMs: 5000, random: () => chance });
          expect(pause).toBeGreaterThanOrEqual(0);
          expect(pause).toBeLessThan(5000);
        },
      ),
    );
  });
});

describe("jitter", () => {
  it("stays within its fraction of the length", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999, noNaN: true }), (chance) => {
        const length = jittered(1000, 0.1, () => chance);
        expect(length).toBeGreaterThanOrEqual(900);
        expect(length).toBeLessThan(1100);
      }),
    );
  });
});

describe("a seeded sequence", () => {
  it("is the same for the same seed, and another for another", () => {
    const sequence = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, random);
    };

    expect(sequence(7)).toEqual(sequence(7));
    expect(sequence(7)).not.toEqual(sequence(8));
  });

  it("is spread evenly between 0 and 1", () => {
    const random = seededRandom(1);
    const draws = Array.from({ length: 10_000 }, random);

    expect(Math.min(...draws)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...draws)).toBeLessThan(1);
    for (let tenth = 0; tenth < 10; tenth++) {
      const share = draws.filter((draw) => Math.floor(draw * 10) === tenth).length;
      expect(share).toBeGreaterThan(800);
      expect(share).toBeLessThan(1200);
    }
  });
});
