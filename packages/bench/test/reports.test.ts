import { describe, expect, it } from "vitest";
import type { BenchRecord } from "../src/record.js";
import { htmlReport } from "../src/report/html/page.js";
import { markdownReport } from "../src/report/markdown.js";
import { textReport } from "../src/report/text.js";
import { compareRecord } from "../src/verdict/comparison.js";
import { CASE, generateRecord } from "./generated.js";

const SLOWER = generateRecord({ moreWork: 0.08 });
const text = (record: BenchRecord, options = {}) => textReport(record, compareRecord(record), options);
const markdown = (record: BenchRecord) => markdownReport(record, compareRecord(record));
const html = (record: BenchRecord) => htmlReport(record, compareRecord(record));
/** With something in every place that comes from outside. */
const HOSTILE: BenchRecord = {
  ...SLOWER,
  candidates: [{ spec: "sdk@1.0.0" }, { spec: "./<img src=x onerror=alert(1)>|`*.mjs" }],
  warnings: ["</style><script>alert(2)</script> @everyone"],
  measurements: SLOWER.measurements.map((one) => ({ ...one, failures: { "<b>": 1 } })),
};

describe("the report for a terminal", () => {
  it("has a line for each figure, with both candidates, the change, its interval, p, their rounds drawn and a word", () => {
    expect(text(SLOWER)).toMatch(
      /^ {2}CPU time\/op +\d+ µs +\d+ µs +\+\d\.\d % +\+\d\.\d % … \+\d+\.\d % +(<0\.001|0\.\d{3}) {2}│[ ▁▂▃▄▅▆▇█]{12}│[ ▁▂▃▄▅▆▇█]{12}│ +slower$/m,
    );
  });

  it("says in a sentence what it comes to", () => {
    expect(text(SLOWER)).toMatch(/B is slower than A: throughput −\d\.\d % \(−\d+\.\d % … −\d\.\d %\); CPU time per/);
    expect(text(generateRecord()).replace(/\s+/g, " ")).toContain(
      "B is no worse than A: a loss of 3 % can be ruled out in throughput and CPU time per operation.",
    );
  });

  it("says how many rounds more would do, as the option that asks for them", () => {
    const undecided = Array.from({ length: 8 }, (_, seed) =>
      generateRecord({ seed, processNoise: 0.03, withLatencies: false }),
    )
      .map((record) => text(record).replace(/\s+/g, " "))
      .filter((report) => report.includes("Cannot tell. The rounds leave open whether there is a loss of 3 %"));

    expect(undecided[0]).toMatch(/About \d+ more rounds would settle it: --rounds \d+\./);
  });

  it("fits into a narrow window without the drawings, and into a wide one with them", () => {
    const longest = (report: string) => Math.max(...report.split("\n").map((line) => line.length));

    expect(longest(text(SLOWER, { columns: 100 }))).toBeLessThanOrEqual(100);
    expect(text(SLOWER, { columns: 100 })).not.toContain("│");
    expect(longest(text(SLOWER, { columns: 120 }))).toBeLessThanOrEqual(120);
  });

  it("is plain unless it was asked for colours", () => {
    expect(text(SLOWER)).not.toContain("\u001b");
    expect(text(SLOWER, { color: true })).toContain("\u001b[31m");
  });

  it("tells failures and doubts beside the figures", () => {
    const report = text(HOSTILE).replace(/\s+/g, " ");

    expect(report).toContain("Failed operations: A <b> 12; B <b> 12.");
    expect(report).toContain("Doubtful: </style><script>alert(2)</script> @everyone.");
  });

  it("shows what callers felt of rotations, and that failures there are the result", () => {
    const rotation = { ...CASE, name: "rotation", operation: "rotation" as const, arrivalsPerSecond: 200 };
    const record: BenchRecord = {
      ...SLOWER,
      settings: { ...SLOWER.settings, cases: [rotation] },
      measurements: SLOWER.measurements.map((one) => ({
        ...one,
        case: "rotation",
        failures: one.candidate === 0 ? {} : { ExpiredToken: 200 + one.round },
        rotation: { failed: one.candidate === 0 ? 0 : 200 + one.round, p99AroundMs: 12.5 },
      })),
    };

    const report = text(record);

    expect(report).toMatch(/^ {2}succeeded +100 % +\d\d\.\d+ % +−\d+\.\d %.* worse$/m);
    expect(report).toMatch(/^ {2}p99 around rotations, ms +12\.5 +12\.5$/m);
    expect(report).toMatch(/^ {2}operations failed +0 +20[56]$/m);
    expect(report).toContain("B is slower than A: share of operations that succeed −");
  });
});

describe("the report for a pull request", () => {
  it("begins with the verdict, and folds away what is not judged", () => {
    const report = markdown(SLOWER);

    expect(report).toMatch(/^### S3 bench: slower\n/);
    expect(report.indexOf("| throughput |")).toBeLessThan(report.indexOf("<details>"));
    expect(report.indexOf("| peak memory |")).toBeGreaterThan(report.indexOf("<details>"));
  });

  it("lets nothing from outside become markup, a mention or a cell", () => {
    const report = markdown(HOSTILE);

    expect(report).not.toMatch(/(?<!\\)<(img|script|b)\b/);
    expect(report).not.toContain("@everyone");
    expect(report).toContain("\\|\\`\\*");
  });
});

describe("the report for a browser", () => {
  it("draws intervals, rounds and latencies, in one file that asks for nothing else", () => {
    const page = html(SLOWER);

    expect(page.match(/<svg /g)).toHaveLength(4);
    expect(page).not.toMatch(/<script|<link|<img|https?:|url\(|@import/);
    expect(page).toContain("prefers-color-scheme: dark");
  });

  it("closes each element that it opens, in order", () => {
    const open: string[] = [];
    for (const [, slash, name = ""] of html(HOSTILE).matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (name === "meta") continue;
      if (slash === "") open.push(name);
      else expect(open.pop()).toBe(name);
    }
    expect(open).toEqual([]);
  });

  it("lets nothing from outside become markup", () => {
    const page = html(HOSTILE);

    expect(page.match(/<img|<script|<b>/g)).toBeNull();
    expect(page.match(/<\/style>/g)).toHaveLength(1);
  });

  it("is a report, too, when nothing was measured", () => {
    const record: BenchRecord = { ...SLOWER, measurements: [], complete: false };

    for (const report of [html(record), markdown(record), text(record)]) {
      expect(report).toContain("0 of 12 rounds are complete: a verdict needs 5 or more");
      expect(report).not.toMatch(/NaN|undefined/);
    }
  });
});
