/** The page in front of real processes: a service with a pool, the agent, the simulator, the demo and its report. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { startAgent } from "@evertoken/agent";
import { VirtualClock } from "@evertoken/core";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createDashboard, serveDashboard } from "@evertoken/dashboard";
import { createS3Pool } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { LaneRecorder, LiveRecord } from "@evertoken/telemetry/live";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken } from "../../../cli/test/command.js";
import { barriers, NO_BROWSER, open, overhang, useBrowser, watched } from "./browser.js";

useBrowser();

const TICK_MS = 100;

/** A service with a pool of clients on a simulated instance whose day takes a minute and a half. */
async function service() {
  const clock = new VirtualClock({ speed: 1000 });
  const simulator = await startSimulator({ clock });
  const source = fromImds({ endpoint: simulator.imdsUrl, clock, timeoutMs: 200, attempts: 1 });
  const keeper = createKeeper({ source, clock, loadTimeoutMs: 500, maxWaitMs: 100 });
  const connection = { region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, maxAttempts: 1 };
  const pool = createS3Pool({ ...connection, size: 100, keeper, clock });
  const lane = new LaneRecorder({ clock });
  lane.observe(pool);
  const live = new LiveRecord({ subject: "application", host: "host-1", clock, tickMs: TICK_MS });
  live.start(() => [lane.take()]);
  const served = await serveDashboard(createDashboard({ live }), { port: 0 });
  onTestFinished(async () => {
    await served.close();
    live.close();
    lane.close();
    await pool.close({ drainMs: 0 });
    keeper.close();
    source.close?.();
    await simulator.close();
  });
  const put = () => pool.send(new PutObjectCommand({ Bucket: "reports", Key: "key", Body: "content" }));
  return { clock, simulator, put, url: `${served.url}/` };
}

describe.skipIf(NO_BROWSER)("the page of a service", () => {
  it("shows an outage, a revocation that nobody felt, and one that somebody did, with its story", async () => {
    const { simulator, put, url } = await service();
    const { page } = await open(url);
    await page.getByText("Nothing has happened so far.").waitFor();
    await Promise.all(Array.from({ length: 20 }, put));
    await page.getByText("Safe", { exact: true }).waitFor();
    expect(await page.locator(".figure").innerText()).toMatch(/^5\s*h\s*\d+\s*min$/);

    simulator.fault("credentials-revoked");
    await put();
    await page.getByRole("img", { name: /^Stale credentials: 1 replayed unseen, 0 surfaced/ }).waitFor();
    await page.getByRole("img", { name: /generations of credentials of .*, 1 rejected/ }).waitFor();

    simulator.fault("imds-down");
    await page.getByText("Source away", { exact: true }).waitFor();

    simulator.fault("credentials-revoked");
    await expect(put()).rejects.toThrow();
    await page.getByText("Failing", { exact: true }).waitFor();
    const surfaced = page.getByRole("button", { name: /^error / }).filter({ hasText: "Story" });
    await surfaced.first().click();
    const story = page.getByRole("dialog");
    await story.waitFor();
    expect(await story.getByRole("listitem").count()).toBeGreaterThan(1);
    expect(await barriers(page)).toEqual([]);
    const { shift, moved, violations } = await watched(page);
    expect([moved, shift, violations]).toEqual([[], 0, []]);
  });
});

describe.skipIf(NO_BROWSER)("the page of the agent", () => {
  it("shows what it holds, and how often it handed it out", async () => {
    const simulator = await startSimulator();
    const directory = mkdtempSync(join(tmpdir(), "evertoken-page-"));
    const source = fromImds({ endpoint: simulator.imdsUrl });
    const agent = await startAgent({
      ...{ port: 0, imdsPort: 0, adminPort: 0, drainMs: 0, directory, source, logTo: { write: () => {} } },
      page: (live) => createDashboard({ live }),
    });
    onTestFinished(async () => {
      await agent.close();
      source.close?.();
      await simulator.close();
      rmSync(directory, { recursive: true });
    });
    const { page } = await open(`${agent.adminUrl}/`);
    await page.getByText("Safe", { exact: true }).waitFor();
    expect(await page.locator(".head .aside").first().innerText()).toMatch(/^Agent · Evertoken \d/);
    await page.getByRole("img", { name: /^1 generation of credentials/ }).waitFor();
    // The agent has no pool, and no simulator behind it that would tell of faults.
    expect(await page.getByRole("region", { name: /^Pool|^Faults/ }).count()).toBe(0);
    expect(await barriers(page)).toEqual([]);
    const secrets = /SecretAccessKey|IQoJ|secret_?access|session_?token"/i;
    expect(await page.content()).not.toMatch(secrets);
  });
});

describe.skipIf(NO_BROWSER)("the page of evertoken simulate", () => {
  it("shows faults as they come and go", async () => {
    const simulate = evertoken(["simulate", "--imds-port", "0", "--s3-port", "0"]);
    const [, url = ""] = /^page +at (\S+)$/m.exec(await simulate.says(/^page +at (\S+)$/m)) ?? [];
    const { page } = await open(`${url}/`);
    await page.getByText("No fault is active").waitFor();
    const begin = (body: object) => fetch(`${url}/faults`, { method: "POST", body: JSON.stringify(body) });
    expect((await begin({ fault: "imds-slow" })).ok).toBe(true);
    await page.getByText("imds-slow", { exact: true }).waitFor();
    await begin({ fault: "imds-down" });
    await page.getByText("2 faults").waitFor();
    expect((await watched(page)).shift).toBe(0);
  });
});

describe.skipIf(NO_BROWSER)("the page of evertoken demo", () => {
  it("shows both lanes live, says that the process is gone, and stays as a file that asks nobody", async () => {
    const folder = mkdtempSync(join(tmpdir(), "evertoken-page-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "demo.html");
    const demo = evertoken(["demo", "--clients", "20", "--hours", "2", "--html", path]);
    const [, url = ""] = /^watch it at (\S+)/.exec(await demo.says(/^watch it at \S+\n/)) ?? [];
    const { page, problems } = await open(`${url}/`, { width: 1440 });
    await page.getByRole("region", { name: "Stock SDK", exact: true }).waitFor();
    await page.getByText("imds-down", { exact: true }).waitFor();
    expect((await watched(page)).moved).toEqual([]);
    expect(await demo.ended).toBe(0);
    await page.getByText("Disconnected.", { exact: true }).waitFor();
    // It goes on to call, and the browser to say that nobody answers.
    await page.close();
    problems.splice(0);

    const { page: report, asked } = await open(pathToFileURL(path).href, { width: 1440 });
    await report.getByText("Report", { exact: true }).waitFor();
    const row = report.getByRole("row", { name: /Expired tokens that reached a caller/ }).getByRole("cell");
    expect(await row.nth(0).locator("b").innerText()).toBe("0");
    expect(Number(await row.nth(1).locator("b").innerText())).toBeGreaterThan(0);
    expect(asked).toEqual([pathToFileURL(path).href]);
    expect(await barriers(report)).toEqual([]);
    await report.setViewportSize({ width: 360, height: 740 });
    expect(await overhang(report)).toBe(0);
    expect((await watched(report)).violations).toEqual([]);
  }, 40_000);
});
