import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { demoTimeline } from "../src/demo/timeline.js";
import { childrenOf, evertoken, isRunning } from "./command.js";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "evertoken-demo-"));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

/** What simulators of this seed will ever hand out: every secret that a demo could print. */
async function secretsOf(seed: number, generations: number): Promise<string[]> {
  await using simulator = await startSimulator({ seed });
  const secrets: string[] = [];
  for (let generation = 0; generation < generations; generation++) {
    const token = await (
      await fetch(`${simulator.imdsUrl}/latest/api/token`, {
        method: "PUT",
        headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" },
      })
    ).text();
    const answer = await fetch(`${simulator.imdsUrl}/latest/meta-data/iam/security-credentials/evertoken-role`, {
      headers: { "x-aws-ec2-metadata-token": token },
    });
    const document = (await answer.json()) as { SecretAccessKey: string; Token: string };
    secrets.push(token, document.SecretAccessKey, document.Token);
    simulator.fault("credentials-revoked");
  }
  return secrets;
}

describe("the demo", { timeout: 60_000 }, () => {
  it("of two hours: the pooled clients come through unharmed, the stock SDK does not", async () => {
    const path = join(await folder(), "demo.json");

    const demo = evertoken(["demo", "--clients", "20", "--hours", "2", "--seed", "7", "--json", path]);

    expect(await demo.ended).toBe(0);
    const report = JSON.parse(await readFile(path, "utf8"));
    expect(report).toMatchObject({ seed: 7, hours: 2, clients: 20, timeline: demoTimeline(2) });
    const { evertoken: ours, stock } = report.lanes;
    expect(ours).toMatchObject({ failed: 0, expiredTokenSurfaced: 0, objectsLost: 0 });
    expect(ours.requests).toBeGreaterThan(700);
    expect(ours.sentFast).toBeGreaterThanOrEqual(ours.requests - 20);
    expect(report.fastLane).toBe(true);
    expect(ours.objectsWritten).toBeGreaterThan(200);
    expect(stock.expiredTokenSurfaced).toBeGreaterThan(0);
    expect(stock.imdsRequests).toBeGreaterThan(ours.imdsRequests);
    for (const lane of [ours, stock]) {
      for (const figure of [
        "requests",
        "failed",
        "expiredTokenSurfaced",
        "replayed",
        "imdsRequests",
        "objectsLost",
        "p50Ms",
        "p99Ms",
      ]) {
        expect(lane[figure]).toEqual(expect.any(Number));
      }
    }
    expect(demo.printed()).toContain(
      "20 pooled clients surfaced no expired token, failed no request and lost no object",
    );
    for (const secret of await secretsOf(7, 12)) {
      expect(demo.printed()).not.toContain(secret);
      expect(JSON.stringify(report)).not.toContain(secret);
    }
  });

  it("sends the pooled clients' requests the SDK's way when it is told to, and they come through all the same", async () => {
    const path = join(await folder(), "demo.json");

    const demo = evertoken(["demo", "--clients", "5", "--hours", "0.5", "--no-fast-lane", "--json", path]);

    expect(await demo.ended).toBe(0);
    const { fastLane, lanes } = JSON.parse(await readFile(path, "utf8"));
    expect(fastLane).toBe(false);
    expect(lanes.evertoken).toMatchObject({ sentFast: 0, failed: 0, expiredTokenSurfaced: 0, objectsLost: 0 });
  });

  it.each(["SIGINT", "SIGTERM"] as const)("ended by %s leaves no process and no file", async (signal) => {
    const path = await folder();
    const demo = evertoken(["demo", "--clients", "5", "--hours", "24", "--json", join(path, "demo.json")]);
    await demo.says("requests");
    const lanes = await childrenOf(demo.child.pid);
    expect(lanes).toHaveLength(2);

    demo.child.kill(signal);

    expect(await demo.ended).toBe(130);
    expect(await readdir(path)).toEqual([]);
    await expect.poll(() => lanes.filter(isRunning), { timeout: 5000 }).toEqual([]);
  });

  it("killed on the spot leaves no process either", async () => {
    const demo = evertoken(["demo", "--clients", "5", "--hours", "24"]);
    await demo.says("requests");
    const lanes = await childrenOf(demo.child.pid);

    demo.child.kill("SIGKILL");

    expect(await demo.ended).toBe("SIGKILL");
    await expect.poll(() => lanes.filter(isRunning), { timeout: 5000 }).toEqual([]);
  });

  it("can be interrupted before it has begun", async () => {
    const demo = evertoken(["demo"]);
    while ((await childrenOf(demo.child.pid)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    const lanes = await childrenOf(demo.child.pid);

    demo.child.kill("SIGINT");

    expect(await demo.ended).toBe(130);
    await expect.poll(() => lanes.filter(isRunning), { timeout: 5000 }).toEqual([]);
  });

  it("tells of its options", async () => {
    const demo = evertoken(["demo", "--help"]);

    expect(await demo.ended).toBe(0);
    for (const option of ["--clients", "--hours", "--seed", "--no-fast-lane", "--json"]) {
      expect(demo.printed()).toContain(option);
    }
  });

  it.each([
    [["--clients", "0"], "expected a whole number from 1 to 1000"],
    [["--clients", "many"], "expected a whole number from 1 to 1000"],
    [["--hours", "-1"], "expected a number from 0.5 to 240"],
    [["--hours", ""], "expected a number from 0.5 to 240"],
    [["--seed", "1.5"], "expected a whole number"],
    [["--json", "/no/such/folder/demo.json"], "--json cannot be written: /no/such/folder"],
    [["--faults", "none"], "unknown option '--faults'"],
  ])("refuses %j", async (args, says) => {
    const demo = evertoken(["demo", ...args]);

    expect(await demo.ended).toBe(2);
    expect(demo.printed()).toContain(says);
  });
});

describe("the demo's timeline", () => {
  const names = (hours: number) => demoTimeline(hours).map(({ fault }) => fault);

  it("has each of the failures that it is to show", () => {
    expect(new Set(names(24))).toEqual(
      new Set([
        "imds-down",
        "credentials-revoked",
        "imds-token-fails-once",
        "session-tokens-forgotten",
        "imds-slow",
        "credentials-stuck",
      ]),
    );
    expect(demoTimeline(24)).toContainEqual({ fault: "imds-down", fromHours: 3.5, toHours: 7.5 });
  });

  it("is shortened to fit a shorter demo", () => {
    expect(names(2)).toEqual(names(24));
    expect(Math.max(...demoTimeline(2).map(({ fromHours, toHours = fromHours }) => toHours))).toBeLessThan(2);
  });

  it("begins again each day of a longer one", () => {
    expect(names(72)).toEqual([...names(24), ...names(24), ...names(24)]);
    expect(Math.max(...demoTimeline(36).map(({ fromHours, toHours = fromHours }) => toHours))).toBeLessThan(36);
  });
});
