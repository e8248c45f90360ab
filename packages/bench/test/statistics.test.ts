import { seededRandom } from "@evertoken/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bootstrapIntervals } from "../src/statistics/bootstrap.js";
import {
  normalCumulative,
  normalQuantile,
  studentCumulative,
  studentQuantile,
} from "../src/statistics/distributions.js";
import { Latencies } from "../src/statistics/latencies.js";
import { mannWhitney } from "../src/statistics/mann-whitney.js";

describe("the distributions", () => {
  it.each([
    [0.95, 1.644853627],
    [0.975, 1.959963985],
    [0.995, 2.575829304],
    [0.999999, 4.753424309],
  ])("knows that a standard normal variable stays below its %d quantile, %d", (p, z) => {
    expect(normalQuantile(p)).toBeCloseTo(z, 8);
    expect(normalCumulative(-z)).toBeCloseTo(1 - p, 10);
  });

  // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
  it.each([
    [1, 0.975, 12.706],
    [1, 0.995, 63.657],
    [2, 0.995, 9.925],
    [5, 0.995, 4.032],
    [11, 0.975, 2.201],
    [11, 0.995, 3.106],
    [24, 0.999, 3.467],
    [100, 0.975, 1.984],
  ])("agrees with the printed table of Student's t: %d degrees, %d, %d", (degrees, p, t) => {
    expect(studentQuantile(p, degrees)).toBeCloseTo(t, 3);
    expect(studentCumulative(-studentQuantile(p, degrees), degrees)).toBeCloseTo(1 - p, 12);
  });
});

describe("Mann–Whitney U", () => {
  it("gives the p-value of Hollander & Wolfe's permeability constants, as R's wilcox.test does", () => {
    const atTerm = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const midway = [1.15, 0.88, 0.9, 0.74, 1.21];

    const { u, p, exact } = mannWhitney(midway, atTerm);

    expect({ u, exact }).toEqual({ u: 35, exact: true });
    // R prints 0.1272 for the one side.
    expect(p).toBeCloseTo(2 * 0.1272, 4);
  });

  it("gives the p-value of the age of diabetics, as SciPy's documentation has it", () => {
    const { u, p } = mannWhitney([20, 11, 17, 12], [19, 22, 16, 29, 24]);

    expect(u).toBe(17);
    expect(p).toBeCloseTo(0.1111111111111111, 12);
  });

  it("corrects for ties and continuity where counting all ways would take too long, as SciPy's asymptotic method does", () => {
    const ten = (figures: readonly number[]) => Array.from({ length: 10 }, () => figures).flat();

    const { u, p, exact } = mannWhitney(ten([1, 2, 2, 3, 3, 3, 4]), ten([2, 3, 3, 4, 4, 5, 5]));

    expect({ u, exact }).toEqual({ u: 3800, exact: false });
    expect(p).toBeCloseTo(5.6380720040734215e-9, 14);
  });

  it("counts with ties exactly what dealing the figures out in all ways gives", () => {
    const few = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(few, few, (a, b) => {
        const { u, p } = mannWhitney(a, b);
        expect(u).toBe(wins(a, b));
        expect(p).toBeCloseTo(shareAtLeastAsFar(a, b), 10);
      }),
    );
  });

  it("is the same question from the other side", () => {
    const some = fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 45 });
    fc.assert(
      fc.property(some, some, (a, b) => {
        const [there, back] = [mannWhitney(a, b), mannWhitney(b, a)];
        expect(there.u + back.u).toBe(a.length * b.length);
        expect(there.p).toBeCloseTo(back.p, 9);
        expect(there.p).toBeGreaterThan(0);
        expect(there.p).toBeLessThanOrEqual(1);
      }),
    );
  });
});

/** Pairs that b wins, ties half. */
const wins = (a: readonly number[], b: readonly number[]) =>
  b.flatMap((y) => a.map((x) => (y > x ? 1 : y === x ? 0.5 : 0))).reduce((sum: number, won) => sum + won, 0);

function shareAtLeastAsFar(a: readonly number[], b: readonly number[]): number {
  const all = [...a, ...b];
  const middle = (a.length * b.length) / 2;
  const distance = Math.abs(wins(a, b) - middle) - 1e-9;
  let [far, ways] = [0, 0];
  for (let chosen = 0; chosen < 2 ** all.length; chosen += 1) {
    const [ofA, ofB]: [number[], number[]] = [[], []];
    for (const [index, figure] of all.entries()) (chosen & (1 << index) ? ofB : ofA).push(figure);
    if (ofB.length !== b.length) continue;
    ways += 1;
    if (Math.abs(wins(ofA, ofB) - middle) >= distance) far += 1;
  }
  return far / ways;
}

describe("bootstrap intervals", () => {
  const meanOf = (figures: readonly number[]) => (weights: Float64Array) => [
    figures.reduce((sum, figure, round) => sum + figure * (weights[round] as number), 0) / figures.length,
  ];
  const of = (figures: readonly number[], confidence = 0.99) => {
    const [interval] = bootstrapIntervals(meanOf(figures), {
      rounds: figures.length,
      confidence,
      random: seededRandom(1),
    });
    return interval as NonNullable<typeof interval>;
  };

  it("is as wide as Student's for figures that have no tails to speak of", () => {
    const figures = Array.from({ length: 12 }, (_, index) => normalQuantile((index + 0.5) / 12));
    const deviation = Math.sqrt(figures.reduce((sum, figure) => sum + figure ** 2, 0) / 11);

    const { low, high } = of(figures);

    expect((high - low) / 2 / (deviation / Math.sqrt(12))).toBeCloseTo(studentQuantile(0.995, 11), 0);
  });

  it.each([5, 8, 12, 20])("holds the truth as often as it says, from %d rounds on, heavy tails or not", (rounds) => {
    const random = seededRandom(rounds);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const heavy = () => normal() / Math.sqrt((normal() ** 2 + normal() ** 2 + normal() ** 2) / 3);
    const trials = 150;
    for (const draw of [normal, heavy]) {
      let held = 0;
      for (let trial = 0; trial < trials; trial += 1) {
        const { low, high } = of(
          Array.from({ length: rounds }, () => 7 + draw()),
          0.95,
        );
        if (low <= 7 && 7 <= high) held += 1;
      }
      // With a true coverage of 95 %, fewer than 134 of 150 happen once in 400 times.
      expect(held / trials).toBeGreaterThan(0.893);
    }
  });

  describe("of several figures, jointly", () => {
    const ROUNDS = 12;
    const both = (pairs: readonly (readonly [number, number])[], jointly: boolean, confidence = 0.95) =>
      bootstrapIntervals(
        (weights) => [0, 1].map((of) => meanOf(pairs.map((pair) => pair[of] as number))(weights)[0] as number),
        { rounds: pairs.length, confidence, jointly, random: seededRandom(1) },
      );
    /** Two figures of each round, which have so much in common. */
    const pairsOf = (random: () => number, common: number) => {
      const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return Array.from({ length: ROUNDS }, () => {
        const shared = normal();
        const own = () => Math.sqrt(common) * shared + Math.sqrt(1 - common) * normal();
        return [own(), -own()] as const;
      });
    };
    const width = ({ low, high }: { low: number; high: number }) => high - low;

    it("are as wide as each by itself where figures are one and the same, and as an even share where they are not", () => {
      const [same, apart] = [pairsOf(seededRandom(3), 1), pairsOf(seededRandom(3), 0)];
      const shared = (pairs: typeof same) => width(both(pairs, false, 0.975)[0] as never);

      expect(width(both(same, true)[0] as never)).toBeCloseTo(width(both(same, false)[0] as never), 1);
      expect(width(both(apart, true)[0] as never) / shared(apart)).toBeGreaterThan(0.94);
      expect(width(both(apart, true)[0] as never) / shared(apart)).toBeLessThanOrEqual(1);
    });

    it.each([0, 0.6, 0.95])("hold both truths at once as often as they say, with %d in common", (common) => {
      const random = seededRandom(11);
      const trials = 150;
      let held = 0;
      for (let trial = 0; trial < trials; trial += 1) {
        if (both(pairsOf(random, common), true).every(({ low, high }) => low <= 0 && 0 <= high)) held += 1;
      }
      // With a true coverage of 95 %, fewer than 134 of 150 happen once in 400 times.
      expect(held / trials).toBeGreaterThan(0.893);
    });
  });

  it("says nothing from a single round", () => {
    expect(of([7])).toEqual({ estimate: 7, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY });
  });

  it("moves and grows with its figures, and is the same again for the same seed", () => {
    const some = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 15 });
    fc.assert(
      fc.property(some, fc.double({ min: -9, max: 9, noNaN: true }), (figures, by) => {
        const [once, again] = [of(figures), of(figures)];
        const moved = of(figures.map((figure) => figure + by));
        const doubled = of(figures.map((figure) => 2 * figure));
        expect(again).toEqual(once);
        for (const end of ["low", "estimate", "high"] as const) {
          expect(moved[end]).toBeCloseTo(once[end] + by, 6);
          expect(doubled[end]).toBeCloseTo(2 * once[end], 6);
        }
        expect(once.low).toBeLessThanOrEqual(once.estimate + 1e-9);
        expect(once.high).toBeGreaterThanOrEqual(once.estimate - 1e-9);
      }),
      { numRuns: 20 },
    );
  });
});

describe("quantiles of latencies", () => {
  it("are read from all rounds together, each counted as often as it was drawn", () => {
    const latencies = new Latencies([
      [[100, 99]],
      [
        [100, 98],
        [5000, 1],
      ],
      [
        [100, 1],
        [9000, 99],
      ],
    ]);

    expect(latencies.quantile(0.5, [1, 1, 0])).toBeLessThanOrEqual(100);
    expect(latencies.quantile(0.999, [1, 1, 0])).toBeGreaterThan(4900);
    expect(latencies.quantile(0.5, [0, 0, 1])).toBeGreaterThan(8800);
    expect(latencies.quantile(0.5, [9, 0, 1])).toBeLessThanOrEqual(100);
  });

  it("are not read where only a handful of requests lie beyond them", () => {
    const latencies = new Latencies([
      [
        [100, 4000],
        [200, 5999],
      ],
    ]);

    expect(latencies.reaches(0.99)).toBe(true);
    expect(latencies.reaches(0.999)).toBe(false);
  });

  it("rise with q, stay within the buckets, and know a request's place to the width of its bucket", () => {
    const request = fc.integer({ min: 10, max: 100_000 });
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, q) => {
          const sorted = [...all].sort((a, b) => a - b);
          const bucket = (us: number) => Math.ceil(1.01 ** Math.ceil(Math.log(us) / Math.log(1.01)));
          const latencies = new Latencies([all.map((us) => [bucket(us), 1] as const)]);

          const found = latencies.quantile(q, [1]);

          const exact = sorted[Math.max(0, Math.ceil(q * sorted.length - 1e-9) - 1)] as number;
          expect(found).toBeGreaterThan(exact * 0.97 - 1);
          expect(found).toBeLessThan(exact * 1.03 + 1);
        },
      ),
    );
  });
});
