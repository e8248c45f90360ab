import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchRecord, type Measurement, parseCases, runBench } from "@evertoken/bench";
import { afterAll, describe, expect, it, vi } from "vitest";
import { findNginx } from "../src/target/nginx.js";
import { Folder, shortRun } from "./bench.js";

const folder = new Folder();
afterAll(() => folder.remove());

const quick = folder.client("await pause(1); return operation.type === 'get' ? 4096 : undefined;");

const countOf = ({ latencies }: Measurement) => latencies.reduce((sum, [, count]) => sum + count, 0);

const slowerThan = ({ latencies }: Measurement, us: number) =>
  latencies.filter(([upToUs]) => upToUs > us).reduce((sum, [, count]) => sum + count, 0);

const only = ({ measurements }: BenchRecord): Measurement => {
  expect(measurements).toHaveLength(1);
  return measurements[0] as Measurement;
};

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Those that a process has started, and they in turn. */
function descendantsOf(ancestor: number): number[] {
  const children = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => Number(/\) \S (\d+)/.exec(textOf(`/proc/${pid}/stat`))?.[1]) === ancestor)
    .map(Number);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** One that has ended and that nobody has asked for its exit code does not run. */
const isRunning = (pid: number) => /\) [^ZX] /.test(textOf(`/proc/${pid}/stat`));

/** Processes of this one that measure or answer. */
const helpers = () =>
  descendantsOf(process.pid)
    .map((pid) => textOf(`/proc/${pid}/cmdline`))
    .filter((command) => /measuring|simulator-process|node-server|nginx/.test(command));

describe("a run", () => {
  it("measures each candidate in each case and round, in an order that follows from the seed", async () => {
    const cases = parseCases(["put-4KiB", "get-4KiB"], { inFlight: 2 });
    const settings = { cases, rounds: 2, measureMs: 100, warmUpMs: 0, seed: 7 };
    const [record, again] = [await shortRun(settings, [quick, quick]), await shortRun(settings, [quick, quick])];
    const order = ({ measurements }: BenchRecord) =>
      measurements.map(({ round, place, case: of, candidate }) => [round, place, of, candidate]);
    expect(record).toMatchObject({
      format: "evertoken-bench/1",
      complete: true,
      settings: { ...settings, target: "discard" },
    });
    expect(order(record).map(([round, place, of]) => [round, place, of])).toEqual(
      [0, 1].flatMap((round) => [
        [round, 0, "put-4KiB"],
        [round, 1, "put-4KiB"],
        [round, 0, "get-4KiB"],
        [round, 1, "get-4KiB"],
      ]),
    );
    expect(order(again)).toEqual(order(record));
    const firstOnes = order(record).filter(([, place]) => place === 0);
    expect(new Set(firstOnes.map(([, , , candidate]) => candidate)).size).toBe(2);
  });

  it("tells of each measurement what it cost, whole and in pieces that add up", async () => {
    const measurement = only(await shortRun({ measureMs: 500, warmUpMs: 3000 }, ["pool+fast"]));
    const { operations, seconds, cpuSeconds, slices, failures } = measurement;
    expect(failures).toEqual({});
    expect(operations).toBeGreaterThan(20);
    expect(countOf(measurement)).toBe(operations);
    expect(seconds).toBeGreaterThanOrEqual(0.5);
    const sum = (of: (slice: (typeof slices)[number]) => number) => slices.reduce((total, one) => total + of(one), 0);
    expect(sum((slice) => slice.operations)).toBe(operations);
    expect(sum((slice) => slice.seconds)).toBeCloseTo(seconds, 6);
    expect(sum((slice) => slice.cpuSeconds)).toBeCloseTo(cpuSeconds, 6);
    expect(slices.length).toBeGreaterThan(3);
    expect(measurement.peakRssBytes).toBeGreaterThan(20e6);
    expect(measurement.gcSeconds).toBeGreaterThanOrEqual(0);
    expect(measurement.loopDelayP99Ms).toBeGreaterThanOrEqual(0);
  });

  it("counts latencies in buckets that are at most two percent wide", async () => {
    const slow = folder.client("await pause(20);");
    const { latencies } = only(await shortRun({}, [slow]));
    const bounds = latencies.map(([upToUs]) => upToUs);
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    // Timers count whole milliseconds, so the first may be a part of one.
    expect(bounds[0]).toBeGreaterThan(18_900);
    for (const [index, bound] of bounds.entries()) {
      const before = bounds[index - 1];
      // Buckets that are neighbours.
      if (before !== undefined && bound < 1.02 * before) expect(bound / before - 1).toBeGreaterThan(0.005);
    }
  });

  it("tells how much memory an operation takes, and what collecting it costs", async () => {
    // Arrays of 100,000 numbers on the heap: 800 kB.
    const wasteful = folder.client("await pause(1); client.kept = new Array(100_000).fill(0.5);");
    const { allocatedBytes = 0, operations, gcCount } = only(await shortRun({ measureMs: 500 }, [wasteful]));
    expect(allocatedBytes / operations).toBeGreaterThan(780_000);
    expect(allocatedBytes / operations).toBeLessThan(1_000_000);
    expect(gcCount).toBeGreaterThan(0);
  });

  it.each([
    ["all operations", ["get-4KiB", "head", "mixed", "multipart-9MiB"], false, "default"],
    ["checksums over HTTPS", ["put-1MiB", "get-64KiB"], true, "sha256"],
  ] as const)("does %s with the pool in either lane", { timeout: 60_000 }, async (_, names, tls, checksum) => {
    const cases = parseCases(names, { tls, checksum, inFlight: 2 });
    const record = await shortRun({ cases, measureMs: 100, warmUpMs: 0 }, ["pool", "pool+fast"]);
    const failing = record.measurements.filter(
      ({ operations, failures }) => operations === 0 || Object.keys(failures).length > 0,
    );
    expect(failing).toEqual([]);
    expect(record.measurements).toHaveLength(2 * names.length);
  });

  it("hands over what a module needs, and takes what it counted", async () => {
    const asking = folder.client(
      `if (operation.type !== "put" || operation.body.length !== 4096 || !operation.key || !operation.bucket) throw new Error("put");
       const { endpoint, region, credentials, inFlight, checksum } = client;
       if (!endpoint.startsWith("http:") || region !== "us-east-1" || inFlight !== 32 || checksum !== "default") throw new Error("settings");
       if (credentials.accessKeyId.length !== 20 || process.env.AWS_PROFILE !== undefined) throw new Error("credentials");
       await pause(1);`,
      { open: "(settings) => settings" },
    );
    expect(only(await shortRun({}, [asking])).failures).toEqual({});
  });
});

describe("a fixed arrival rate", () => {
  /** Everything that is asked in 300 ms of the measured time waits for their end. */
  const stalling = folder.client(
    `const now = performance.now();
     client.from ??= now;
     const [from, until] = [client.from + 700, client.from + 1000];
     await pause(now >= from && now < until ? until - now : 1);`,
  );
  const settings = { measureMs: 1500, warmUpMs: 200 };

  it("shows a stall to all whom it kept waiting, where a closed loop shows it to one", async () => {
    const open = parseCases(["put-4KiB"], { inFlight: 1, arrivalsPerSecond: 200 });
    const closed = parseCases(["put-4KiB"], { inFlight: 1 });
    const [waiting, one] = [
      only(await shortRun({ ...settings, cases: open }, [stalling])),
      only(await shortRun({ ...settings, cases: closed }, [stalling])),
    ];
    // 60 arrivals in 300 ms; of them those of the first 200 waited for more than 100.
    expect(slowerThan(waiting, 100_000)).toBeGreaterThan(30);
    expect(slowerThan(one, 100_000)).toBeLessThan(10);
  });

  it("tells of arrivals that were never answered", async () => {
    const slow = folder.client("await pause(2000);");
    const cases = parseCases(["put-4KiB"], { inFlight: 1, arrivalsPerSecond: 1000 });
    const { failures, operations } = only(await shortRun({ measureMs: 500, warmUpMs: 0, cases }, [slow]));
    expect(failures.NotAnsweredInTime).toBeGreaterThan(10);
    expect(operations).toBeLessThan(50);
  });
});

describe("a candidate that fails", () => {
  it("has its failures counted by name, and in no throughput", async () => {
    const failing = folder.client(`await pause(1); throw Object.assign(new Error("no"), { name: "SlowDown" });`);
    const record = await shortRun({ measureMs: 100 }, [failing, quick]);
    const [failed, good] = [0, 1].map((index) => record.measurements.find(({ candidate }) => candidate === index));
    expect(failed).toMatchObject({ operations: 0, latencies: [], failures: { SlowDown: expect.any(Number) } });
    expect(good?.failures).toEqual({});
    expect(record.complete).toBe(true);
    expect(record.warnings.join("\n")).toMatch(/(\d+) of \1 operations of .* in put-4KiB failed \(SlowDown: no\)/);
  });

  it("to read what it was asked for has not read it", async () => {
    const lazy = folder.client("await pause(1); return 17;");
    const { operations, failures } = only(await shortRun({ cases: parseCases(["get-4KiB"]), measureMs: 100 }, [lazy]));
    expect(operations).toBe(0);
    expect(Object.keys(failures)).toEqual(["WrongSize"]);
  });

  it.each([
    ["crashes", "process.exit(3);", /in round 1 of put-4KiB: it ended early \(exit 3\)/],
    ["throws where nobody catches", "setImmediate(() => { throw new Error('lost') });", /lost/],
    ["prints its secret", "console.error(process.secret); process.exit(1);", /exit 1\): \(not shown\)$/],
  ])("when it %s takes no further part, and the others go on", async (_, run, failure) => {
    const open = "({ credentials }) => { process.secret = credentials.secretAccessKey; return {}; }";
    const dying = folder.client(`await pause(1); ${run}`, { open });
    const record = await shortRun({ rounds: 2, measureMs: 100, warmUpMs: 0 }, [dying, quick]);
    expect(record.candidates[0]?.failure).toMatch(failure);
    expect(record.measurements.map(({ candidate, round }) => [candidate, round])).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(record.complete).toBe(false);
  });

  it("when it never answers is given up, and says so", async () => {
    const hanging = folder.client("await new Promise((resolve) => setInterval(resolve, 1e8));");
    const { operations, failures } = only(await shortRun({ measureMs: 100, warmUpMs: 0 }, [hanging]));
    expect(operations).toBe(0);
    expect(failures).toEqual({ NotAnsweredInTime: 32 });
  });

  it("to be a client is told which function it lacks", async () => {
    const record = await shortRun({}, [folder.client("", { open: "undefined" })]);
    expect(record.candidates[0]?.failure).toMatch(/open is missing: expected an exported function/);
  });
});

describe("a run that is ended early", () => {
  it("keeps what was measured, and leaves no process behind", async () => {
    const ending = new AbortController();
    const record = await shortRun({ rounds: 50 }, [quick, "pool"], {
      signal: ending.signal,
      onProgress: (progress) =>
        progress.kind === "measuring" && progress.done === 2 && setImmediate(() => ending.abort()),
    });
    expect(record.complete).toBe(false);
    expect(record.measurements).toHaveLength(2);
    expect(record.candidates.map(({ failure }) => failure)).toEqual([undefined, undefined]);
    expect(helpers()).toEqual([]);
  });
});

describe("a run that is killed", () => {
  it("leaves neither a process nor the target's files behind", async () => {
    const temporary = mkdtempSync(join(folder.path, "temporary-"));
    const run = spawn(process.execPath, [join(import.meta.dirname, "bench-to-be-killed.mjs"), quick], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(run.stdout, "data");
    const started = descendantsOf(run.pid as number);
    expect(started.length).toBeGreaterThanOrEqual(2);

    run.kill("SIGKILL");

    await vi.waitFor(() => expect(started.filter(isRunning)).toEqual([]), { timeout: 10_000, interval: 50 });
    // Node.js's own server, where there is no nginx, has none that it knows of.
    if (findNginx() !== undefined) expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("a machine that does something else meanwhile", () => {
  it("is said to be unfit", async () => {
    const busy: ChildProcess[] = [0, 1].map(() => spawn(process.execPath, ["-e", "for (;;);"]));
    try {
      const { warnings } = await shortRun({ measureMs: 500 }, [quick]);
      expect(warnings.join("\n")).toMatch(/other work kept \d\.\d\d cores busy on average/);
    } finally {
      for (const one of busy) one.kill();
    }
  });
});

describe("settings", () => {
  const cases = parseCases(["put-4KiB"]);
  it.each([
    [{ rounds: 0 }, /rounds is 0: expected a whole number from 1 to 1000/],
    [{ measureMs: 1.5 }, /measureMs is 1\.5/],
    [{ target: "s3://bucket" }, /target is "s3:\/\/bucket": expected discard, simulator or http/],
    [{ target: "http://127.0.0.1:9" }, /bucket is missing.*region is missing/],
    [{ bucket: "b" }, /bucket is given, but the target is discard/],
    [
      { target: "simulator", cases: parseCases(["put-4KiB"], { tls: true }) },
      /wants tls, but the target simulator speaks HTTP/,
    ],
    [
      { target: "https://s3.example", bucket: "b", region: "r" },
      /case put-4KiB has no tls, but the target .* speaks HTTPS/,
    ],
    [{ cases: [...cases, ...cases] }, /case put-4KiB is given twice/],
    [{ case: cases }, /case/],
  ])("%j are refused before anything is done", async (settings, message) => {
    await expect(runBench({ cases, ...settings }, ["pool"])).rejects.toThrow(message);
  });

  it("to write beyond this machine want somebody to say yes", async () => {
    const settings = {
      cases: parseCases(["put-4KiB"], { tls: true }),
      target: "https://s3.example",
      bucket: "mine",
      region: "us-east-1",
    };
    const asked: object[] = [];
    const confirm = async (where: object) => asked.push(where) === 0;
    await expect(runBench(settings, ["pool"], { confirm })).rejects.toThrow(
      /nothing was written to mine at https:\/\/s3\.example/,
    );
    await expect(runBench(settings, ["pool"])).rejects.toThrow(/nothing was written/);
    expect(asked).toEqual([
      { endpoint: "https://s3.example", bucket: "mine", prefix: expect.stringMatching(/^evertoken-bench\//) },
    ]);
  });
});
