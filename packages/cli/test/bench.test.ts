import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { childrenOf, evertoken, type Running } from "./command.js";

const clientPath = (name: string) => join(import.meta.dirname, "bench-clients", `${name}.mjs`);
const [LIGHT, HEAVY, FAILING] = ["light", "heavy", "failing"].map(clientPath) as [string, string, string];
/** Enough for a verdict on what differs by a lot. A turn has several operations of each in flight, so few make it short. */
const SHORT = ["--rounds", "5", "--measure", "100", "--warm-up", "100", "--in-flight", "4"];
/** Enough for what does not come from figures. */
const ONE_ROUND = ["--rounds", "1", "--measure", "100", "--warm-up", "0"];
/** Dozens of processes start, one after the other. */
const LONG_MS = 90_000;

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "evertoken-bench-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function bench(...args: readonly string[]): Promise<Running & { readonly folder: string }> {
  const folder = await emptyFolder();
  return { ...evertoken(["bench", ...args], { XDG_STATE_HOME: folder }), folder };
}

describe("evertoken bench compare", () => {
  it("says that B is slower, keeps the run, and can report it in each form", { timeout: LONG_MS }, async () => {
    const compare = await bench("compare", LIGHT, HEAVY, ...SHORT);

    expect(await compare.ended).toBe(1);
    expect(compare.printed()).toMatch(/B is slower than A: .*CPU\s+time\s+per\s+operation/s);
    expect(compare.printed()).toContain("round 5, ");
    const kept = join(compare.folder, "evertoken", "bench");
    const [file = ""] = await readdir(kept);
    expect(compare.printed()).toContain(`Kept in ${join(kept, file)}`);

    const html = join(compare.folder, "report.html");
    const again = evertoken(["bench", "report", join(kept, file), "--html", html, "--markdown"]);
    expect(await again.ended).toBe(1);
    expect(again.printed()).toContain("### S3 bench: slower");
    expect(await readFile(html, "utf8")).toContain("<svg ");

    const history = evertoken(["bench", "history", "--json"], { XDG_STATE_HOME: compare.folder });
    expect(await history.ended).toBe(0);
    expect(JSON.parse(history.printed())).toMatchObject([{ case: "put-4KiB", verdict: "slower", rounds: 5 }]);
  });

  it("tells machines the same as JSON, and saves where it was told to", { timeout: LONG_MS }, async () => {
    const file = join(await emptyFolder(), "run.json");
    const compare = await bench("compare", HEAVY, LIGHT, ...SHORT, "--json", "--save", file);

    expect(await compare.ended).toBe(0);
    const printed = JSON.parse(
      compare
        .printed()
        .split("\n")
        .find((line) => line.startsWith("{")) ?? "",
    );
    expect(printed).toMatchObject({ verdict: "faster", margin: 0.03, file, complete: true });
    expect(printed.pairs[0].rows.find(({ metric }: { metric: string }) => metric === "cpu").ratio.high).toBeLessThan(1);
    expect(existsSync(file)).toBe(true);
    expect(await readdir(compare.folder)).toEqual([]);
  });

  it("gives no verdict on a candidate whose operations fail, and none on one that is not there", {
    timeout: LONG_MS,
  }, async () => {
    const compare = await bench("compare", LIGHT, FAILING, "./not-there.mjs", ...ONE_ROUND, "--no-save");

    expect(await compare.ended).toBe(3);
    expect(compare.printed()).toMatch(/Cannot tell\. 33 % of B .*operations\s+failed\s+\(SlowDown/s);
    expect(compare.printed()).toMatch(/C \(\.\/not-there\.mjs\)\s+takes no part/);
  });

  it("keeps and reports what was measured when it is interrupted", { timeout: LONG_MS }, async () => {
    const compare = await bench("compare", LIGHT, HEAVY, "--rounds", "900", "--measure", "100", "--warm-up", "0");
    await compare.says("round 3, ");

    compare.child.kill("SIGINT");

    expect(await compare.ended).toBe(130);
    expect(compare.printed()).toContain("900 rounds of 100 ms each were planned, and not all were run");
    expect(compare.printed()).toMatch(/2 of 900 rounds are complete/);
    expect(await readdir(join(compare.folder, "evertoken", "bench"))).toHaveLength(1);
    expect(await childrenOf(compare.child.pid)).toEqual([]);
  });

  it.each([
    [["compare", LIGHT], "missing required argument 'B'"],
    [["compare", LIGHT, HEAVY, "--margin", "none"], "expected a percentage from 0.1% to 50%"],
    [["compare", LIGHT, HEAVY, "--rounds", "0"], "expected a whole number from 1 to 1000"],
    [["compare", LIGHT, HEAVY, "--judge", "beauty"], "Allowed choices are throughput, cpu"],
    [["compare", LIGHT, HEAVY, "--case", "put-4kb"], 'case "put-4kb" has the size 4kb: expected a size from 1B'],
    [["compare", LIGHT, HEAVY, "--case", "put-1MiB", "--workload", "x"], "--workload is given together with --case"],
    [["compare", LIGHT, HEAVY, "--json", "--markdown"], "--markdown is to be printed, and so is --json"],
    [["compare", LIGHT, "sdk@^3"], '"sdk@^3" is unknown: expected sdk@VERSION'],
    [["compare", LIGHT, HEAVY, "--target", "http://127.0.0.1:1"], "bucket is missing"],
    [
      ["compare", LIGHT, HEAVY, "--target", "https://s3.example.com", "--bucket", "b", "--region", "eu-central-1"],
      "--yes is missing: nothing was written to b at https://s3.example.com",
    ],
    [["report", "not-there.json"], "not-there.json cannot be read"],
    [["bisect"], "--good and --bad expected both of them, or candidates instead"],
    [["bisect", "--good", "3.700.0"], "--good and --bad expected both of them"],
    [["bisect", LIGHT, HEAVY, "--rounds", "4"], "--rounds is 4: expected 5 or more"],
    [["bisect", LIGHT, HEAVY, "--case", "head", "delete"], "--case names 2 cases: expected one"],
  ])("refuses %j before anything is measured", async (args, message) => {
    const refused = await bench(...args);

    expect(await refused.ended).toBe(2);
    expect(refused.printed()).toContain(message);
    expect(refused.printed()).not.toContain("round 1");
  });

  it("never takes the place of a saved run", async () => {
    const file = join(await emptyFolder(), "run.json");
    await writeFile(file, "mine");

    const refused = await bench("compare", LIGHT, HEAVY, "--save", file);

    expect(await refused.ended).toBe(2);
    expect(refused.printed()).toContain("run.json is there already: expected a new file");
    expect(refused.printed()).not.toContain("round 1");
  });
});

describe("evertoken bench run", () => {
  it("prints the figures of one candidate, compared with nothing", { timeout: LONG_MS }, async () => {
    const run = await bench("run", LIGHT, ...ONE_ROUND, "--case", "put-1KiB");

    expect(await run.ended).toBe(0);
    expect(run.printed()).toMatch(/PUT 1 KiB, 32 in flight/);
    expect(run.printed()).toMatch(/^ {2}throughput +[\d,.]+\/s +[\d,.]+\/s +[\d,.]+\/s {2}│/m);
    const [, file = ""] = /Kept in (.+)/.exec(run.printed()) ?? [];
    const again = evertoken(["bench", "report", file, "--html", "report.html"]);
    expect(await again.ended).toBe(2);
    expect(again.printed()).toContain("--html needs a comparison, and");
  });
});

describe("evertoken bench bisect", () => {
  it("finds the planted change, and passes over what does not work", { timeout: LONG_MS }, async () => {
    const folder = await emptyFolder();
    const versions = await Promise.all(
      Array.from({ length: 4 }, async (_, index) => {
        const path = join(folder, "versions", `v${index + 1}.mjs`);
        await mkdir(join(folder, "versions"), { recursive: true });
        const source = pathToFileURL(index >= 2 ? HEAVY : LIGHT).href;
        // The one that is asked first.
        await writeFile(
          path,
          index === 1 ? 'throw new Error("broken release");' : `export * from ${JSON.stringify(source)};`,
        );
        return path;
      }),
    );

    const search = await bench("bisect", ...versions, ...SHORT);

    expect(await search.ended).toBe(0);
    expect(search.printed()).toMatch(/v2\.mjs +passed over +.*broken release/);
    expect(search.printed()).toContain(`${versions[3]} beside ${versions[0]}\n`);
    expect(search.printed()).toContain(
      `It came with ${versions[2]}, or with one before it that was passed over: ${versions[1]}.`,
    );
    expect(search.printed()).toMatch(/Against .*v1\.mjs: CPU time per operation /);
  });
});
