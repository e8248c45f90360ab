import { mkdtempSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { publishedVersions } from "@evertoken/bench";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Folder, shortRun } from "./bench.js";
import { type Registry, startRegistry } from "./registry.js";

let registry: Registry;
let folder: Folder;

beforeAll(async () => {
  folder = new Folder();
  registry = await startRegistry();
  for (const version of ["3.9.0", "3.10.0", "3.11.0-beta.1", "3.11.0"]) registry.publish(version);
  registry.publish("3.12.0", { broken: true });
  registry.publish("3.13.0", { first: 'throw new Error("this release is broken");' });
  registry.publish("3.14.0");
});

afterAll(async () => {
  await registry.close();
  folder.remove();
  vi.unstubAllEnvs();
});

describe("what a candidate is called", () => {
  it.each(["sdk", "sdk@^3.0.0", "pool+slow", "my-client.mjs", ""])("is refused when it is %j", async (spec) => {
    await expect(shortRun({}, [spec])).rejects.toThrow(/is unknown: expected sdk@VERSION, sdk@latest/);
  });
});

describe("releases of the SDK", () => {
  it("are listed from one to another, in the order of their numbers, without pre-releases", async () => {
    expect(await publishedVersions("3.9.0", "3.12.0")).toEqual(["3.9.0", "3.10.0", "3.11.0", "3.12.0"]);
    expect(await publishedVersions("3.13.0", "latest")).toEqual(["3.13.0", "3.14.0"]);
  });

  it("that are not published, or the wrong way round, are refused", async () => {
    await expect(publishedVersions("3.9.1", "latest")).rejects.toThrow(/3\.9\.1 is not published/);
    await expect(publishedVersions("3.9.0", "nightly")).rejects.toThrow(/nightly is not published/);
    await expect(publishedVersions("3.14.0", "3.9.0")).rejects.toThrow(/3\.9\.0 is older than 3\.14\.0: expected a/);
    await expect(publishedVersions("latest", "3.9.0")).rejects.toThrow(/3\.9\.0 is older than latest \(3\.14\.0\)/);
  });

  it.each(["^3.9.0", "3.9", "sdk@3.9.0", "../elsewhere", "--all"])("are not named like %s", async (named) => {
    await expect(publishedVersions(named, "latest")).rejects.toThrow(
      `${JSON.stringify(named)} is unknown: expected a release such as 3.700.0, or a tag such as latest`,
    );
  });

  it("are installed beside each other and measured, whatever becomes of others", async () => {
    const cacheDir = join(folder.path, "cache");
    const { candidates, measurements, complete } = await shortRun(
      {},
      ["sdk@3.9.0", "sdk@latest", "sdk@3.12.0", "sdk@3.13.0", "sdk@3.99.0", "./nowhere.mjs"],
      { cacheDir },
    );
    expect(candidates).toEqual([
      { spec: "sdk@3.9.0", resolved: "@aws-sdk/client-s3 3.9.0" },
      { spec: "sdk@latest", resolved: "@aws-sdk/client-s3 3.14.0" },
      { spec: "sdk@3.12.0", failure: expect.stringMatching(/npm install ended with 1: .*404/) },
      {
        spec: "sdk@3.13.0",
        resolved: "@aws-sdk/client-s3 3.13.0",
        failure: "in round 1 of put-4KiB: this release is broken",
      },
      { spec: "sdk@3.99.0", failure: expect.stringMatching(/npm install ended with 1: .*3\.99\.0/) },
      { spec: "./nowhere.mjs", failure: expect.stringContaining("nowhere.mjs") },
    ]);
    expect(measurements.map(({ candidate }) => candidate).sort()).toEqual([0, 1]);
    expect(measurements.every(({ operations }) => operations > 0)).toBe(true);
    expect(complete).toBe(false);
    expect(readdirSync(cacheDir).sort()).toEqual(["client-s3@3.13.0", "client-s3@3.14.0", "client-s3@3.9.0"]);
  });

  it("are whole however many install them at once, and asked for once", async () => {
    const cacheDir = join(folder.path, "shared");
    const runs = await Promise.all([1, 2, 3].map(() => shortRun({}, ["sdk@3.10.0"], { cacheDir })));
    expect(runs.map(({ candidates }) => candidates[0])).toEqual(
      runs.map(() => ({ spec: "sdk@3.10.0", resolved: "@aws-sdk/client-s3 3.10.0" })),
    );
    expect(readdirSync(cacheDir)).toEqual(["client-s3@3.10.0"]);
    const before = registry.downloads();
    await shortRun({}, ["sdk@3.10.0"], { cacheDir });
    expect(registry.downloads()).toBe(before);
  });

  it("that were being installed when the run was ended leave nothing behind", async () => {
    const cacheDir = mkdtempSync(join(folder.path, "ended-"));
    const ending = new AbortController();
    const record = await shortRun({}, ["sdk@3.11.0", "pool"], {
      cacheDir,
      signal: ending.signal,
      onProgress: ({ kind }) => kind === "resolving" && setImmediate(() => ending.abort()),
    });
    expect(record).toMatchObject({ complete: false, measurements: [] });
    expect(record.candidates).toEqual([
      { spec: "sdk@3.11.0", failure: "the run was ended before" },
      { spec: "pool", failure: "the run was ended before" },
    ]);
    expect(readdirSync(cacheDir)).toEqual([]);
  });
});
