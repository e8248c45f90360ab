import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { generateRecord, type Truth } from "./generated.js";

const MAIN = join(import.meta.dirname, "../calibrate/main.mjs");

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-calibration-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

function calibrate(...args: string[]) {
  return spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8" });
}

describe("the calibration", () => {
  it("counts what it was right and wrong about, against what is asked", () => {
    const folder = emptyFolder();
    const keep = (kind: string, number: number, truth: Truth) => {
      const record = generateRecord({ cpuSeconds: 0.0002, seed: number, ...truth });
      writeFileSync(join(folder, `${kind}-0${number}.json`), JSON.stringify({ seconds: 20 + number, record }));
    };
    for (const number of [1, 2, 3]) {
      keep("same", number, {});
      keep("work", number, { moreWork: 0.05 });
    }
    // As wrong as can be.
    keep("same", 4, { moreWork: 0.5 });
    keep("tail", 1, { tail: { share: 0.01, ms: 50 } });
    writeFileSync(
      join(folder, "bisect-01.json"),
      JSON.stringify({ seconds: 99, sought: "x", result: { firstBad: "x" } }),
    );

    const { stdout, status } = calibrate("--table", "--folder", folder);

    expect(status).toBe(0);
    expect(stdout).toContain(
      "| A against A: slower or faster on either | 1 of 4 | 1 … 81 % | at most 2 of 40 | open |",
    );
    expect(stdout).toContain(
      "| 5 % more work: slower on CPU time | 3 of 3 | 29 … 100 % | at least 38 of 40 | reached |",
    );
    expect(stdout).toContain(
      "| tail of 1 % by 50 ms: p99.9 slower | 1 of 1 | 2 … 100 % | at least 40 of 40 | reached |",
    );
    expect(stdout).toContain("| the same: slower on throughput | 0 of 1 | 0 … 97 % | at most 0 of 40 | reached |");
    expect(stdout).toContain("| one planted change among 16: found | 1 of 1 |");
    expect(stdout).toContain("the longest 24 s. 0 of 8 warned");
  });

  it("calls a goal missed only where so few could not be chance", () => {
    const folder = emptyFolder();
    for (const number of [1, 2, 3, 4, 5, 6]) {
      const record = generateRecord({ cpuSeconds: 0.0002, seed: number, withLatencies: false });
      writeFileSync(join(folder, `work-0${number}.json`), JSON.stringify({ seconds: 20, record }));
    }

    const { stdout } = calibrate("--table", "--folder", folder);

    // 46 % is the most that none of six allows (Clopper & Pearson), which any printed table has.
    expect(stdout).toContain("| 5 % more work: slower on CPU time | 0 of 6 | 0 … 46 % | at least 38 of 40 | missed |");
  });

  it("measures how much its plant is, by doing everything twice", () => {
    const folder = emptyFolder();
    // Half of what an operation costs is not the client's own.
    const record = generateRecord({
      moreWork: 0.5,
      withLatencies: false,
      processNoise: 0,
      sliceNoise: 0,
      driftNoise: 0,
    });
    writeFileSync(join(folder, "twice-01.json"), JSON.stringify({ seconds: 20, record }));

    const { stdout } = calibrate("--table", "--folder", folder);

    expect(stdout).toMatch(/\| 5 % more work: interval of CPU time holds \+2\.[3-5] % \|/);
  });

  it("has a table, too, when nothing was measured yet", () => {
    const { stdout, status } = calibrate("--table", "--folder", emptyFolder());

    expect(status).toBe(0);
    expect(stdout).toContain("| A against A: slower or faster on either | 0 of 0 |");
    expect(stdout).not.toMatch(/NaN|Infinity|undefined/);
  });

  it("refuses what is no number", () => {
    const { stderr, status } = calibrate("--comparisons", "many", "--folder", emptyFolder());

    expect(status).toBe(2);
    expect(stderr).toContain("--comparisons is many: expected a whole number above 0");
  });
});
