import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { keepRecord, keptRuns, readRecord, runsFolder, saveRecord } from "../src/history/files.js";
import { historyOf, historyText } from "../src/history/history.js";
import { generateRecord } from "./generated.js";

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "evertoken-history-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

const RECORD = generateRecord({ withLatencies: false, rounds: 6 });

describe("saved runs", () => {
  it("are kept in the user's state folder", () => {
    expect(runsFolder({ XDG_STATE_HOME: "/state" })).toBe("/state/evertoken/bench");
    expect(runsFolder({})).toMatch(/\.local\/state\/evertoken\/bench$/);
  });

  it("come back as they were", async () => {
    const folder = join(await emptyFolder(), "not", "there", "yet");

    const file = await keepRecord(RECORD, folder);

    expect(file).toBe(join(folder, "2026-11-25T12-00-00.json"));
    expect(await readRecord(file)).toEqual(RECORD);
  });

  it("stand beside each other when they began in the same second", async () => {
    const folder = await emptyFolder();

    const files = await Promise.all([keepRecord(RECORD, folder), keepRecord({ ...RECORD, complete: false }, folder)]);

    expect(new Set(files).size).toBe(2);
    expect((await readdir(folder)).sort()).toEqual(["2026-11-25T12-00-00-2.json", "2026-11-25T12-00-00.json"]);
  });

  it("never take the place of a file that is there", async () => {
    const file = join(await emptyFolder(), "run.json");
    await saveRecord(RECORD, file);

    await expect(saveRecord(RECORD, file)).rejects.toThrow("run.json is there already: expected a new file");
  });

  it.each([
    ["no JSON", "is no JSON"],
    ["{}", "format"],
    [
      JSON.stringify({ ...RECORD, format: "evertoken-bench/2" }),
      'is "evertoken-bench/2": expected "evertoken-bench/1"',
    ],
    [
      JSON.stringify({ ...RECORD, measurements: [{ ...RECORD.measurements[0], operations: -1 }] }),
      "measurements[0].operations must be 0 or more",
    ],
    [
      JSON.stringify({ ...RECORD, candidates: [{ spec: "sdk@latest" }] }),
      "has measurements of a candidate that it does not name",
    ],
  ])("are refused when they are none, naming what is wrong: %.20s", async (text, message) => {
    const file = join(await emptyFolder(), "run.json");
    await writeFile(file, text);

    await expect(readRecord(file)).rejects.toThrow(message);
  });

  it("may hold what a later version adds", async () => {
    const file = join(await emptyFolder(), "run.json");
    await writeFile(file, JSON.stringify({ ...RECORD, settings: { ...RECORD.settings, bucket: "mine" }, later: true }));

    expect((await readRecord(file)).settings).toMatchObject({ bucket: "mine" });
  });
});

describe("the history", () => {
  it("lists runs from the oldest to the newest with what they come to, judged by one rule", async () => {
    const folder = await emptyFolder();
    const slower = generateRecord({ moreWork: 0.2, withLatencies: false });
    await keepRecord({ ...slower, startedAt: "2026-11-26T08:00:00.000Z" }, folder);
    await keepRecord(generateRecord({ withLatencies: false, processNoise: 0.002 }), folder);
    await writeFile(join(folder, "notes.json"), "something else");

    const runs = await keptRuns(folder);
    const entries = historyOf(runs);

    expect(entries.map(({ startedAt, verdict }) => [startedAt.slice(0, 10), verdict])).toEqual([
      ["2026-11-25", "no worse"],
      ["2026-11-26", "slower"],
    ]);
    expect(runs.filter(({ problem }) => problem !== undefined)).toHaveLength(1);
    const text = historyText(entries);
    expect(text).toContain("2026-11-26 08:00  slower       put-4KiB, 12 rounds");
    expect(text).toContain("@aws-sdk/client-s3 3.1173.0  against  @aws-sdk/client-s3 3.700.0");
    expect(text).toMatch(/CPU time\/op \+\d\d\.\d % \(/);
  });

  it("shows only what was asked for", async () => {
    const folder = await emptyFolder();
    await keepRecord(RECORD, folder);
    const runs = await keptRuns(folder);

    expect(historyOf(runs, { candidate: "3.1173.0" })).toHaveLength(1);
    expect(historyOf(runs, { candidate: "pool" })).toEqual([]);
    expect(historyOf(runs, { case: "get-1MiB" })).toEqual([]);
    expect(historyText([])).toBe("No run is saved that this asks for.\n");
  });

  it("is empty when nothing was ever saved", async () => {
    expect(await keptRuns(join(await emptyFolder(), "none"))).toEqual([]);
  });
});
