import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CASE_NAMES, parseCases, readWorkload } from "@evertoken/bench";
import { InvalidInputError } from "@evertoken/core";
import { afterAll, describe, expect, it } from "vitest";
import { Folder } from "./bench.js";

const KiB = 1024;
const MiB = 1024 * KiB;

describe("the names of cases", () => {
  it.each([
    ["put-4KiB", "put", 4 * KiB, 32],
    ["get-1MiB", "get", MiB, 16],
    ["put-16MiB", "put", 16 * MiB, 4],
    ["multipart-64MiB", "multipart", 64 * MiB, 2],
    ["head", "head", 4 * KiB, 32],
    ["mixed-1MiB", "mixed", MiB, 16],
    ["put-1B", "put", 1, 32],
  ])("%s is a %s of %d bytes, %d in flight", (name, operation, sizeBytes, inFlight) => {
    expect(parseCases([name])).toEqual([{ name, operation, sizeBytes, inFlight, tls: false, checksum: "default" }]);
  });

  it("are those that are listed, and all of them are understood", () => {
    expect(parseCases(CASE_NAMES).map(({ name }) => name)).toEqual(CASE_NAMES);
  });

  it("take what is said about all of them", () => {
    const options = { inFlight: 3, tls: true, checksum: "sha256", arrivalsPerSecond: 50 };
    expect(parseCases(["put-4KiB"], options)).toEqual([
      { name: "put-4KiB", operation: "put", sizeBytes: 4 * KiB, ...options },
    ]);
  });

  it.each([
    [["put"], /case "put" has no size: expected a size from 1B to 256MiB, such as put-64KiB/],
    [["post-4KiB"], /case "post-4KiB" is unknown: expected put-4KiB, .* or another size/],
    [["put-4KB"], /has the size 4KB: expected a size/],
    [["get-1GiB"], /has the size 1GiB/],
    [["head", "head"], /case head is given twice/],
    [[], /case is missing/],
  ])("refuse %j", (names, message) => {
    expect(() => parseCases(names)).toThrow(message);
    expect(() => parseCases(names)).toThrow(InvalidInputError);
  });

  it("are refused together with options that mean nothing, each named", () => {
    const parse = () => parseCases(["nothing"], { inFlight: 0, checksum: "md5", arrivalsPerSecond: -1 });
    expect(parse).toThrow(
      /inFlight is 0.*arrivalsPerSecond is -1.*checksum is "md5": expected default, .*case "nothing"/,
    );
  });
});

describe("a workload file of aws-crt-s3-benchmarks", () => {
  const folder = new Folder();
  afterAll(() => rmSync(folder.path, { recursive: true }));

  const file = (changes: object, name = "test.run.json"): string => {
    const path = join(folder.path, name);
    const workload = {
      version: 2,
      comment: "",
      filesOnDisk: false,
      checksum: null,
      maxRepeatCount: 10,
      maxRepeatSecs: 600,
      tasks: [{ action: "upload", key: "upload/64KiB/1", size: 65_536 }],
    };
    writeFileSync(path, JSON.stringify({ ...workload, ...changes }));
    return path;
  };

  it("becomes a case for each action and size", async () => {
    const tasks = [
      { action: "upload", key: "upload/5GiB/1", size: 5 * 1024 * MiB },
      { action: "download", key: "download/256KiB/1", size: 256 * KiB },
      { action: "download", key: "download/256KiB/2", size: 256 * KiB },
      { action: "upload", key: "upload/64KiB/1", size: 64 * KiB },
    ];
    const cases = await readWorkload(file({ tasks, checksum: "CRC32C" }), { inFlight: 8 });
    expect(cases).toEqual([
      {
        name: "multipart-5GiB",
        operation: "multipart",
        sizeBytes: 5 * 1024 * MiB,
        inFlight: 8,
        tls: false,
        checksum: "crc32c",
      },
      { name: "get-256KiB", operation: "get", sizeBytes: 256 * KiB, inFlight: 8, tls: false, checksum: "crc32c" },
      { name: "put-64KiB", operation: "put", sizeBytes: 64 * KiB, inFlight: 8, tls: false, checksum: "crc32c" },
    ]);
  });

  it("with files on disk is refused unless memory will do", async () => {
    const path = file({ filesOnDisk: true });
    await expect(readWorkload(path)).rejects.toThrow(/filesOnDisk is true: expected false/);
    await expect(readWorkload(path, { inMemory: true })).resolves.toHaveLength(1);
  });

  it.each([
    [{ version: 3 }, /version is 3: expected 2/],
    [{ checksum: "MD5" }, /checksum is "MD5": expected null, "CRC32"/],
    [{ tasks: [] }, /tasks is empty/],
    [
      { tasks: [{ action: "copy", key: "a", size: 1 }] },
      /tasks\[0\]\.action is "copy": expected "upload" or "download"/,
    ],
    [{ tasks: [{ action: "download", key: "a", size: 30 * 1024 * MiB }] }, /download of 30GiB is too large/],
    [{ newField: 1 }, /newField/],
  ])("with %j is refused: its own rule is to skip what is not known", async (changes, message) => {
    await expect(readWorkload(file(changes))).rejects.toThrow(message);
  });

  it("that is none, or is not there, is refused by its name", async () => {
    const path = join(folder.path, "small.src.json");
    writeFileSync(path, "{,");
    await expect(readWorkload(path)).rejects.toThrow(
      /small\.src\.json: file is no JSON.*expected the \.run\.json file/,
    );
    await expect(readWorkload("/nowhere.run.json")).rejects.toThrow(/\/nowhere\.run\.json: file cannot be read/);
  });
});
