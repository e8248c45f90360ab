import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { type BenchOptions, type BenchSettings, isLoopback, parseCases } from "@evertoken/bench";
import { type Simulator, startSimulator } from "@evertoken/simulator";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Folder, shortRun } from "./bench.js";

const BUCKET = "mine";

const SDK = createRequire(import.meta.url).resolve("@aws-sdk/client-s3");

let simulator: Simulator;
let folder: Folder;

beforeEach(async () => {
  folder = new Folder();
  simulator = await startSimulator();
  for (const [name, value] of Object.entries(simulator.environment({ via: "user" }))) vi.stubEnv(name, value);
});

afterEach(async () => {
  await simulator.close();
  folder.remove();
  vi.unstubAllEnvs();
});

/** A run against a bucket of somebody's own, whose credentials are found as everywhere. */
function runThere(settings: Partial<BenchSettings>, candidates: readonly string[], options?: BenchOptions) {
  const target = { target: simulator.s3Url, bucket: BUCKET, region: "us-east-1" };
  return shortRun({ measureMs: 100, warmUpMs: 0, ...target, ...settings }, candidates, options);
}

/** Everything that is in the bucket, or half way there. */
async function left(): Promise<readonly (string | undefined)[]> {
  const client = new S3Client({ endpoint: simulator.s3Url, region: "us-east-1", forcePathStyle: true });
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: BUCKET }));
  client.destroy();
  return [...Contents, ...Uploads].map(({ Key }) => Key);
}

const written = () => simulator.journal.count("s3", "default").byOperation;

describe("a bucket of one's own", () => {
  it("is measured with the credentials that are found, and left as it was", { timeout: 60_000 }, async () => {
    const cases = parseCases(["put-4KiB", "get-64KiB", "multipart-9MiB", "mixed", "delete"], { inFlight: 2 });
    const record = await runThere({ cases }, ["pool+fast"]);
    expect(record.measurements).toHaveLength(5);
    expect(record.measurements.filter(({ failures }) => Object.keys(failures).length > 0)).toEqual([]);
    expect(record.settings).toMatchObject({ bucket: BUCKET });
    expect(written().PutObject).toBeGreaterThan(0);
    expect(await left()).toEqual([]);
  });

  it("is left as it was by a run that is ended in the midst of writing", async () => {
    const ending = new AbortController();
    const cases = parseCases(["multipart-64MiB", "put-64KiB"]);
    const run = runThere({ cases, measureMs: 10_000, rounds: 5 }, ["pool"], { signal: ending.signal });
    simulator.journal.on("entry", ({ operation }) => operation === "UploadPart" && ending.abort());
    const record = await run;
    expect(record).toMatchObject({ complete: false, measurements: [] });
    expect(written().UploadPart).toBeGreaterThan(0);
    expect(await left()).toEqual([]);
  });

  it("that cannot be written to is an error that says so", async () => {
    simulator.fault("s3-access-denied");
    const cases = parseCases(["get-4KiB"]);
    await expect(runThere({ cases }, ["pool"])).rejects.toThrow(
      /what get-4KiB reads cannot be written to mine at http/,
    );
  });

  it("that cannot be cleaned up is named, with what is to be removed by hand", async () => {
    simulator.fault("s3-access-denied", { where: { operation: "DeleteObjects" } });
    const { warnings } = await runThere({}, ["pool"]);
    expect(warnings.join("\n")).toMatch(
      /could not be removed .*: remove evertoken-bench\/[-0-9a-f]+\/\S* in mine by hand/,
    );
  });
});

describe("a target that does not do what it should", () => {
  it("and refuses with SlowDown gives failures, not figures", async () => {
    simulator.fault("s3-slow-down", { where: { operation: "PutObject" } });
    // As the SDK does it, but without waiting until it has tried three times.
    const impatient = folder.client("await client.send(new PutObjectCommand(upperCase(operation)));", {
      before: `import { PutObjectCommand, S3Client } from ${JSON.stringify(pathToFileURL(SDK).href)};
        const upperCase = ({ bucket, key, body }) => ({ Bucket: bucket, Key: key, Body: body });`,
      open: "(settings) => new S3Client({ ...settings, forcePathStyle: true, maxAttempts: 1 })",
    });
    const { measurements, warnings } = await runThere({}, [impatient]);
    expect(measurements[0]).toMatchObject({ operations: 0, failures: { SlowDown: expect.any(Number) } });
    expect(warnings.join("\n")).toMatch(/operations of .* in put-4KiB failed \(SlowDown/);
  });

  it("and acknowledges what it does not keep is found out, and gives no throughput", async () => {
    simulator.fault("s3-empty", { where: { operation: "PutObject" } });
    const { measurements, warnings, complete } = await runThere({}, ["pool"]);
    expect(measurements[0]).toMatchObject({
      operations: 0,
      latencies: [],
      failures: { NotStored: expect.any(Number) },
    });
    expect(measurements[0]?.slices.every(({ operations }) => operations === 0)).toBe(true);
    expect(complete).toBe(true);
    expect(warnings.join("\n")).toMatch(
      /did not keep what it acknowledged to pool in put-4KiB: of (\d+) .* looked at, \1 were not/,
    );
  });

  it("and is gone in the middle gives failures, and is said to be left uncleaned", async () => {
    const killing = folder.client(
      `await pause(1);
       const answer = await fetch(new URL("/mine?list-type=2", client.endpoint)).catch(() => undefined);
       if (answer === undefined) throw Object.assign(new Error("refused"), { name: "ConnectionRefused" });`,
      { open: "(settings) => settings" },
    );
    const record = await runThere({}, [killing], {
      onProgress: ({ kind }) => kind === "measuring" && simulator.fault("s3-refused"),
    });
    expect(record.measurements[0]).toMatchObject({
      operations: 0,
      failures: { ConnectionRefused: expect.any(Number) },
    });
    expect(record.warnings.join("\n")).toMatch(/could not be removed/);
  });
});

describe("the simulator as the target", () => {
  it("keeps what is written, and is a process of its own", async () => {
    const cases = parseCases(["put-4KiB", "get-4KiB"], { inFlight: 4 });
    const record = await shortRun({ cases, target: "simulator", measureMs: 100, warmUpMs: 0 }, ["pool+fast"]);
    expect(record.measurements.map(({ failures }) => failures)).toEqual([{}, {}]);
    expect(record.warnings.join("\n")).not.toMatch(/not keep|removed/);
  });
});

describe("an endpoint", () => {
  it.each([
    ["http://localhost:9000", true],
    ["http://127.0.0.1", true],
    ["https://[::1]:443", true],
    ["http://bucket.localhost", true],
    ["https://s3.eu-central-1.amazonaws.com", false],
    ["http://10.0.0.1", false],
    ["http://127.0.0.1.example.com", false],
  ])("%s is on this machine: %s", (endpoint, expected) => {
    expect(isLoopback(endpoint)).toBe(expected);
  });
});
