/** The pictures of `docs/dashboard.md`, taken of the page as it is built: `npm run screenshots -- [NAME…]`. */

import { createDashboard, createFleet, serveDashboard } from "@evertoken/dashboard";
import { type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { PageServer } from "../test/page/page-server.js";
import { HOUR, MINUTE, World, type WorldOptions } from "../test/page/world.js";
import { madeUpFleet } from "./made-up-fleet.js";

interface Picture extends BrowserContextOptions {
  readonly of?: WorldOptions & { readonly after: number };
  readonly hash?: string;
  readonly size: readonly [width: number, height: number];
  readonly isWhole?: boolean;
  readonly before?: (page: Page, server: PageServer) => Promise<unknown>;
}

const SIMULATED: WorldOptions = { subject: "simulate", stepMs: MINUTE, host: "payments-1" };
const DEMO: WorldOptions = { subject: "demo", stepMs: 337_500, host: "payments-1" };

const PICTURES: Readonly<Record<string, Picture>> = {
  "host-light": { of: { ...SIMULATED, after: 9.5 * HOUR }, size: [1440, 900], isWhole: true },
  "host-dark": { of: { ...SIMULATED, after: 14.5 * HOUR }, size: [1440, 900], isWhole: true, colorScheme: "dark" },
  "demo-light": { of: { ...DEMO, after: 16 * HOUR }, size: [1440, 1100] },
  "demo-dark": { of: { ...DEMO, after: 16 * HOUR }, size: [1440, 1100], colorScheme: "dark" },
  story: {
    of: { ...DEMO, after: 16 * HOUR },
    size: [1280, 800],
    before: (page) =>
      page
        .getByRole("button", { name: /ExpiredToken/ })
        .first()
        .click(),
  },
  disconnected: {
    of: { ...SIMULATED, after: 3.5 * HOUR },
    size: [1280, 800],
    before: async (page, server) => {
      await server.close();
      await page.getByText("Disconnected.", { exact: true }).waitFor();
    },
  },
  "phone-dark": { of: { ...SIMULATED, after: 9.5 * HOUR }, size: [360, 780], colorScheme: "dark", isMobile: true },
  "phone-demo": { of: { ...DEMO, after: 16 * HOUR }, size: [360, 780], isMobile: true },
  "fleet-light": { size: [1280, 900] },
  "fleet-dark": { size: [1280, 900], colorScheme: "dark" },
  "fleet-host": { size: [1280, 900], hash: "#/host/evertoken-agent/ip-10-0-4-201.ec2.internal%3A9822?range=24h" },
  "fleet-phone": { size: [360, 780], isMobile: true },
};

/** @param folder where they go. @param names which; all without any. */
export async function takeScreenshots(folder: string, names: readonly string[]): Promise<void> {
  const browser = await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  const fleet = await madeUpFleet();
  const fleetPage = await serveDashboard(createDashboard({ fleet: createFleet({ prometheusUrl: fleet.url }) }), {
    port: 0,
  });
  for (const [name, picture] of Object.entries(PICTURES)) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { of, hash = "", size, isWhole = false, before, ...look } = picture;
    const [width, height] = size;
    const viewport = { width, height };
    const context = await browser.newContext({ viewport, colorScheme: "light", timezoneId: "Europe/Berlin", ...look });
    const page = await context.newPage();
    const world = of === undefined ? undefined : new World(of).pass(of.after);
    const server = world === undefined ? undefined : new PageServer(world);
    await page.goto(`${(await server?.listen()) ?? `${fleetPage.url}/`}${hash}`);
    await page.locator(".figure, tbody tr").first().waitFor();
    server?.tick();
    if (server !== undefined) await before?.(page, server);
    await page.waitForTimeout(300);
    await page.screenshot({ path: `${folder}/${name}.png`, fullPage: isWhole });
    console.log(name);
    await context.close();
    await server?.close();
  }
  await fleetPage.close();
  fleet.close();
  await browser.close();
}
