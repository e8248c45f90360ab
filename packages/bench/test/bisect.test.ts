import { describe, expect, it } from "vitest";
import { type BisectOptions, bisect, NothingToCompareWithError } from "../src/bisect/bisect.js";
import { bisectText } from "../src/bisect/text.js";
import type { BenchRecord } from "../src/record.js";
import { generateRecord, type Truth } from "./generated.js";

const RELEASES = Array.from({ length: 16 }, (_, index) => `sdk@3.${700 + index}.0`);

interface World {
  /** Which release has how much more work than the first. */
  readonly work: (index: number) => number;
  readonly failing?: Readonly<Record<number, string>>;
  readonly noise?: Truth;
}

/** Measures by making up what a bench would have measured; counts how often it was asked. */
function measuring({ work, failing = {}, noise = {} }: World) {
  const asked: string[] = [];
  const measure: BisectOptions["measure"] = async (a, b) => {
    asked.push(`${a} ${b}`);
    const [first, second] = [RELEASES.indexOf(a), RELEASES.indexOf(b)];
    const moreWork = (1 + work(second)) / (1 + work(first)) - 1;
    const record = generateRecord({ ...noise, moreWork, seed: asked.length, withLatencies: false });
    const candidates = [a, b].map((spec, index) => {
      const failure = failing[index === 0 ? first : second];
      return failure === undefined ? { spec } : { spec, failure };
    });
    const measurements = record.measurements.filter(({ candidate }) => candidates[candidate]?.failure === undefined);
    return { ...record, candidates, measurements } satisfies BenchRecord;
  };
  return { asked, measure };
}

const since =
  (first: number, loss = 0.08) =>
  (index: number) =>
    index >= first ? loss : 0;

describe("bisecting releases", () => {
  it.each([1, 2, 7, 8, 14, 15])("finds the one that brought a loss among sixteen: the one after %d", async (first) => {
    const { asked, measure } = measuring({ work: since(first) });

    const result = await bisect({ specs: RELEASES, measure });

    expect(result).toMatchObject({
      verdict: "found",
      lastGood: RELEASES[first - 1],
      firstBad: RELEASES[first],
      between: [],
    });
    expect(asked.length).toBeLessThanOrEqual(12);
    expect(result.change?.low).toBeLessThan(1.08);
    expect(result.change?.high).toBeGreaterThan(1.08);
    expect(bisectText(result)).toMatch(
      new RegExp(`^${RELEASES[first]} brought it.\nAgainst ${RELEASES[first - 1]}: CPU time per operation \\+`),
    );
  });

  it("measures more rounds where the first do not tell", async () => {
    const { asked, measure } = measuring({ work: since(6), noise: { processNoise: 0.035 } });

    const result = await bisect({ specs: RELEASES, measure });

    expect(result).toMatchObject({ verdict: "found", firstBad: RELEASES[6] });
    expect(new Set(asked).size).toBeLessThan(asked.length);
  });

  it("passes over what cannot be installed or crashes, and says so", async () => {
    const failing = { 7: "npm could not install it", 8: "it ended with SIGSEGV", 5: "it has no S3Client" };
    const { measure } = measuring({ work: since(4), failing });
    const told: string[] = [];

    const result = await bisect({
      specs: RELEASES,
      measure,
      onStep: ({ spec, outcome }) => told.push(`${spec} ${outcome}`),
    });

    expect(result).toMatchObject({ verdict: "found", lastGood: RELEASES[3], firstBad: RELEASES[4], between: [] });
    expect(told.filter((step) => step.endsWith("passed over"))).toContain(`${RELEASES[7]} passed over`);
    expect(result.steps.find(({ spec }) => spec === RELEASES[7])?.why).toContain("npm could not install it");
  });

  it("names all that it may have been when those next to it cannot be measured", async () => {
    const { measure } = measuring({ work: since(6), failing: { 5: "broken", 6: "broken" } });

    const result = await bisect({ specs: RELEASES, measure });

    expect(result).toMatchObject({ lastGood: RELEASES[4], firstBad: RELEASES[7], between: [RELEASES[5], RELEASES[6]] });
    expect(bisectText(result)).toContain(`It came with ${RELEASES[7]}, or with one before it that was passed over`);
  });

  it("finds where most of it came in when it came in two steps", async () => {
    const { measure } = measuring({ work: (index) => (index >= 9 ? 0.12 : index >= 3 ? 0.02 : 0) });

    expect(await bisect({ specs: RELEASES, measure })).toMatchObject({ verdict: "found", firstBad: RELEASES[9] });
  });

  it("has nothing to look for when the bad end is no worse", async () => {
    const { asked, measure } = measuring({ work: () => 0 });

    const result = await bisect({ specs: RELEASES, measure });

    expect(result.verdict).toBe("no loss");
    expect(new Set(asked).size).toBe(1);
    expect(bisectText(result)).toContain("There is nothing to look for.");
  });

  it("cannot tell when the bad end cannot be measured, and says why", async () => {
    const { measure } = measuring({ work: since(6), failing: { 15: "npm could not install it" } });

    const result = await bisect({ specs: RELEASES, measure });

    expect(result.verdict).toBe("cannot tell");
    expect(bisectText(result)).toContain("npm could not install it");
  });

  it("cannot tell when no number of rounds that it may measure settles the ends", async () => {
    const { asked, measure } = measuring({ work: since(6, 0.03), noise: { processNoise: 0.15 } });

    expect((await bisect({ specs: RELEASES, measure, looks: 2 })).verdict).toBe("cannot tell");
    expect(asked).toHaveLength(2);
  });

  it("ends when the good end does not work: there is nothing to compare with", async () => {
    const { measure } = measuring({ work: since(6), failing: { 0: "broken" } });

    await expect(bisect({ specs: RELEASES, measure })).rejects.toThrow(NothingToCompareWithError);
  });
});
