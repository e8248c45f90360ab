/** The page of a fleet, in front of a real Prometheus that scrapes three real agents. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, startAgent } from "@evertoken/agent";
import { type Clock, systemClock, VirtualClock } from "@evertoken/core";
import { fromImds } from "@evertoken/credentials";
import { createDashboard, createFleet, serveDashboard } from "@evertoken/dashboard";
import { startSimulator } from "@evertoken/simulator";
import type { Page } from "playwright-core";
import { describe, expect, it, onTestFinished } from "vitest";
import { isMissing } from "../../../../tools/real-tool.js";
import { expositionServer, freePort, prometheus } from "../../../telemetry/test/servers.js";
import { largeFleet, nameOf, TROUBLED } from "../large-fleet.js";
import { barriers, NO_BROWSER, open, overhang, useBrowser, watched } from "./browser.js";

useBrowser();

const HOUR = 3_600_000;
const SKIPPED = NO_BROWSER || isMissing("prometheus", "prometheus", "--version");

interface OneHost {
  readonly agent: Agent;
  readonly address: string;
}

async function agentOn(clock: Clock, simulatorClock = clock) {
  const simulator = await startSimulator({ clock: simulatorClock });
  const directory = mkdtempSync(join(tmpdir(), "evertoken-fleet-"));
  const source = fromImds({ endpoint: simulator.imdsUrl, clock, timeoutMs: 200, attempts: 1 });
  const nothing = { write: () => {} };
  const agent = await startAgent({ port: 0, adminPort: 0, drainMs: 0, directory, source, clock, logTo: nothing });
  onTestFinished(async () => {
    await agent.close();
    source.close?.();
    await simulator.close();
    rmSync(directory, { recursive: true });
  });
  return { simulator, agent, address: new URL(agent.adminUrl).host };
}

/** The rotation got stuck five and a quarter hours ago, and now IMDS is down. */
async function stuck(): Promise<OneHost> {
  const clock = new VirtualClock({ startAt: Date.now() - 5.25 * HOUR });
  const { simulator, ...host } = await agentOn(clock);
  simulator.fault("credentials-stuck");
  await clock.advance(5.25 * HOUR);
  clock.setSpeed(1);
  simulator.fault("imds-down");
  return host;
}

async function fleetOf(targets: readonly string[], honorLabels = false) {
  const url = await prometheus({ targets: { "evertoken-agent": targets }, honorLabels });
  const served = await serveDashboard(createDashboard({ fleet: createFleet({ prometheusUrl: url }) }), { port: 0 });
  onTestFinished(() => served.close());
  return `${served.url}/`;
}

const rows = (page: Page) => page.locator("tbody tr");

/** Asks anew until it is so: Prometheus needs its time, and the page would ask every quarter of a minute. */
async function until(page: Page, isSo: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 40; attempt++) {
    if (await isSo()) return;
    await page.waitForTimeout(250);
    await page.reload();
    await page.locator("tbody tr, .unknown b").first().waitFor();
  }
  throw new Error(`it did not become so:\n${await page.locator("main").innerText()}`);
}

describe.skipIf(SKIPPED)("the page of a fleet", () => {
  it("ranks its hosts by survival, finds them, and shows each by itself", { timeout: 60_000 }, async () => {
    const hosts = [await agentOn(systemClock), await stuck(), await agentOn(systemClock)] as const;
    const [healthy, low, dying] = hosts.map(({ address }) => address) as [string, string, string];
    const url = await fleetOf([healthy, low, dying]);
    const { page } = await open(url);
    await until(page, async () => (await rows(page).count()) === 3 && (await page.getByText("Low").count()) === 1);
    await hosts[2].agent.close();
    await until(page, async () => (await page.getByText("Silent", { exact: true }).count()) > 1);

    const told = async () => (await rows(page).allInnerTexts()).map((text) => text.replace(/\s+/g, " "));
    const [first = "", second = "", third = ""] = await told();
    expect(first).toMatch(new RegExp(`^${dying} evertoken-agent Silent –`));
    expect(second).toMatch(new RegExp(`^${low} evertoken-agent Low 4\\d min`));
    expect(third).toMatch(new RegExp(`^${healthy} evertoken-agent Safe 5 h`));
    expect(await barriers(page)).toEqual([]);

    await page.getByRole("button", { name: /^Host/ }).click();
    expect(page.url()).toContain("order=host");
    await page.getByRole("searchbox").fill("low");
    expect(await told()).toHaveLength(1);
    expect(page.url()).toContain("text=low");
    await page.reload();
    await expect.poll(told).toHaveLength(1);
    await page.getByRole("searchbox").fill("");
    await page.getByRole("button", { name: /^Warnings/ }).click();
    expect(await told()).toEqual([expect.stringContaining(low)]);
    await page.getByRole("button", { name: /^All/ }).click();

    await page.getByRole("link", { name: low }).click();
    await page.getByRole("heading", { name: low, level: 1 }).waitFor();
    await page.getByText("Low", { exact: true }).waitFor();
    await page.getByRole("img", { name: /^Survival over time: lowest 4\d min/ }).waitFor();
    await page.getByRole("img", { name: /^1 generation of credentials/ }).waitFor();
    expect(await barriers(page)).toEqual([]);
    await page.getByRole("button", { name: "1 h", exact: true }).click();
    expect(page.url()).toContain("range=1h");
    await page.reload();
    await page
      .getByRole("img", { name: /in 1 h$/ })
      .first()
      .waitFor();
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overhang(page)).toBe(0);
    await page.getByRole("link", { name: "All hosts" }).click();
    await expect.poll(told).toHaveLength(3);
    expect(await overhang(page)).toBe(0);
    await page.goBack();
    await page.getByRole("heading", { name: low, level: 1 }).waitFor();
    const { violations } = await watched(page);
    expect(violations).toEqual([]);
  });

  it("of a thousand hosts shows those that need somebody, and finds any", { timeout: 60_000 }, async () => {
    const server = await expositionServer((scrapes) => largeFleet(1000, scrapes));
    const { page } = await open(await fleetOf([server.address], true));
    const { silent, failing, critical, surfaced, low, away } = TROUBLED;
    const urgent = [silent, failing, critical, surfaced, low, away].map(nameOf);
    const names = () => page.locator("tbody th a").allInnerTexts();
    await until(page, async () => (await names()).slice(0, 6).join() === urgent.join());

    expect(await rows(page).count()).toBe(200);
    expect((await rows(page).first().innerText()).replace(/\s+/g, " ")).toMatch(/ Silent – – 0 0 0$/);
    expect(await page.locator(".fleet-totals dd").first().innerText()).toBe("1,000");
    await page.getByRole("button", { name: /^All ?1,000$/ }).waitFor();
    await page.getByRole("button", { name: /^Errors ?4$/ }).waitFor();
    expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(6000);
    expect(await barriers(page)).toEqual([]);

    const hidden = nameOf(999);
    expect(await names()).not.toContain(hidden);
    await page.getByRole("searchbox").fill(hidden.split(".")[0] ?? "");
    await expect.poll(names).toEqual([hidden]);
    await page.getByRole("searchbox").fill("");
    await page.getByRole("button", { name: "Survives" }).click();
    await expect.poll(async () => (await names()).slice(0, 4)).toEqual([silent, failing, critical, low].map(nameOf));
    await page.getByRole("button", { name: "Survives" }).click();
    await expect.poll(async () => (await names()).slice(0, 6)).toEqual(urgent);
    await page.getByRole("button", { name: "Show more of 1,000" }).click();
    await expect.poll(() => rows(page).count()).toBe(400);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overhang(page)).toBe(0);
  });

  it("says what is missing when Prometheus knows of no host", async () => {
    const { page } = await open(await fleetOf([]));
    await page.getByText("No host reports.").waitFor();
    expect(await barriers(page)).toEqual([]);
  });
});

describe.skipIf(NO_BROWSER)("the page of a fleet whose Prometheus does not answer", () => {
  it("says so, with the reason, and that it tries again", async () => {
    const prometheusUrl = `http://127.0.0.1:${await freePort()}`;
    const served = await serveDashboard(createDashboard({ fleet: createFleet({ prometheusUrl }) }), { port: 0 });
    onTestFinished(() => served.close());
    const { page, problems } = await open(`${served.url}/`);
    await page.getByText(`Prometheus at ${prometheusUrl} does not answer`).waitFor();
    await page.getByText(/^Trying again in \d+ s\.$/).waitFor();
    await page.getByRole("button", { name: "Try now" }).click();
    expect(await barriers(page)).toEqual([]);
    expect(problems.splice(0).filter((text) => !text.includes("502"))).toEqual([]);
  });
});
