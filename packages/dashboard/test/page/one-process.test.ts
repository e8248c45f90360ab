import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it, onTestFinished } from "vitest";
import { barriers, NO_BROWSER, open, overhang, useBrowser, watched } from "./browser.js";
import { PAGE, PageServer } from "./page-server.js";
import { HOUR, MINUTE, World, type WorldOptions } from "./world.js";

useBrowser();

async function served(options: WorldOptions, passed = 0) {
  const world = new World(options).pass(passed);
  const server = new PageServer(world);
  onTestFinished(() => server.close());
  return { server, world, url: await server.listen() };
}

const SIMULATED: WorldOptions = { subject: "simulate", stepMs: MINUTE };
const DEMO: WorldOptions = { subject: "demo", stepMs: 5 * MINUTE };

describe("the page as it is built", () => {
  it("is below 150 kB compressed, with everything that belongs to it", () => {
    const files = readdirSync(PAGE);
    const bytes = files.reduce((sum, name) => sum + gzipSync(readFileSync(join(PAGE, name))).length, 0);
    expect(files.sort()).toEqual(["icon.svg", "index.html", "page.css", "page.js"]);
    expect(bytes).toBeLessThan(150_000);
  });
});

describe.skipIf(NO_BROWSER)("the page of one process", () => {
  it("says in one figure and one sentence how long requests would go on", async () => {
    const { url } = await served(SIMULATED, 3.5 * HOUR);
    const { page } = await open(url);
    const hero = page.getByRole("region", { name: "How long would we survive now?" });
    await hero.getByText("Safe").waitFor();
    expect(await hero.locator(".figure").innerText()).toMatch(/^5\s*h\s*3\d\s*min$/);
    // Half past ten in Berlin, and credentials that were taken on the hour.
    expect(await hero.locator(".meaning").innerText()).toBe(
      "If IMDS went away now, requests would go on for 5 h 30 min, until 16:00.",
    );
  });

  it("shows what happens while it happens, and what it means", async () => {
    const { url, server } = await served(SIMULATED, 7 * HOUR - MINUTE);
    const { page } = await open(url);
    await page.getByText("No fault is active").waitFor();
    for (let minutes = 0; minutes < 20; minutes++) server.tick();
    await page.getByText("imds-down", { exact: true }).waitFor();
    await page.getByText("Source away").waitFor();
    expect(await page.locator(".meaning").innerText()).toBe(
      "IMDS gives no answer. Requests go on until 19:00 with what is held, and fail then.",
    );
    await page.getByText("IMDS has not answered; requests go on").first().waitFor();
    await page.getByRole("img", { name: /IMDS requests by answer: .* no answer/ }).waitFor();
    await page.getByRole("img", { name: /7 generations of credentials of default, 0 rejected/ }).waitFor();
  });

  it("tells every time in the viewer's zone and in UTC, and remembers which of them is liked", async () => {
    const { url, server } = await served(SIMULATED, 3.5 * HOUR);
    const { page } = await open(url);
    const clocks = page.locator(".clocks");
    expect(await clocks.innerText()).toMatch(/Wed 25 Nov 10:30:00 (CET|GMT\+1)\s+09:30:00 UTC/);
    await page.getByRole("button", { name: "UTC" }).click();
    expect(await page.locator(".meaning").innerText()).toContain("until 15:00");
    await page.reload();
    server.tick();
    expect(await page.locator(".meaning").innerText()).toContain("until 15:00");
  });

  it("follows the colours of the system until somebody chooses", async () => {
    const { url } = await served(SIMULATED, HOUR);
    const { page } = await open(url, { colorScheme: "dark" });
    const ground = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    await page.locator(".figure").waitFor();
    const dark = await ground();
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(ground).not.toBe(dark);
    await page.getByRole("button", { name: "Dark" }).click();
    expect(await ground()).toBe(dark);
    await page.reload();
    await page.locator(".figure").waitFor();
    expect(await ground()).toBe(dark);
  });

  it("has the chosen colours at once, without a frame in the old ones or with empty charts", async () => {
    const { url } = await served(SIMULATED, HOUR);
    const { page } = await open(url);
    await page.getByRole("img", { name: /^Requests:/ }).waitFor();
    const look = `({
      ground: getComputedStyle(document.documentElement).backgroundColor,
      charts: [...document.querySelectorAll("canvas")].map((canvas) => canvas.toDataURL()),
    })`;
    // What a frame's callback finds is what the frame shows.
    const next = (await page.evaluate(`new Promise((shown) => {
      [...document.querySelectorAll("button")].find((button) => button.textContent === "Dark").click();
      requestAnimationFrame(() => shown(${look}));
    })`)) as { readonly ground: string; readonly charts: readonly string[] };
    expect(next.ground).toBe("rgb(12, 16, 21)");
    expect(next.charts).toHaveLength(5);
    await page.waitForTimeout(500);
    expect(next).toEqual(await page.evaluate(look));
  });

  it("shows several pools one by one, each by its name", async () => {
    const { url } = await served({ ...SIMULATED, clients: 12, pools: ["uploads", "reports"] }, 3 * HOUR);
    const { page } = await open(url);
    const pools = page.getByRole("region", { name: /^Pool / });
    await pools.first().waitFor();
    expect(await pools.getByRole("heading").allInnerTexts()).toEqual(["Pool s3", "Pool uploads", "Pool reports"]);
    const clients = page.getByRole("group", { name: "Clients of uploads; arrow keys move" }).getByRole("button");
    expect(await clients.count()).toBe(12);
    await clients.nth(3).hover();
    const shown = (name: string) => page.getByRole("region", { name }).locator(".pool-member dd").first().innerText();
    expect([await shown("Pool uploads"), await shown("Pool s3")]).toEqual(["3", "0"]);
    expect(await barriers(page)).toEqual([]);
    await page.setViewportSize({ width: 360, height: 740 });
    expect(await overhang(page)).toBe(0);
  });

  it("keeps the chosen range in its address", async () => {
    const { url } = await served(SIMULATED, 3 * HOUR);
    const { page } = await open(url);
    expect(await page.getByRole("button", { name: "6 h", exact: true }).getAttribute("aria-pressed")).toBe("true");
    await page.getByRole("button", { name: "24 h" }).click();
    expect(page.url()).toContain("range=24h");
    await page.reload();
    expect(await page.getByRole("button", { name: "24 h" }).getAttribute("aria-pressed")).toBe("true");
  });

  it("shows the demo's lanes side by side, and one below the other on a phone", async () => {
    const { url } = await served(DEMO, 12 * HOUR);
    const { page } = await open(url, { width: 1440 });
    const lane = (name: string) => page.getByRole("region", { name, exact: true });
    await lane("Evertoken").waitFor();
    const place = async (name: string) => (await lane(name).boundingBox()) ?? { x: -1, y: -1 };
    expect((await place("Stock SDK")).y).toBe((await place("Evertoken")).y);
    const failed = page.getByRole("row", { name: /Requests failed/ }).getByRole("cell");
    expect(await failed.nth(0).innerText()).toMatch(/^0\s/);
    expect(await failed.nth(1).innerText()).toMatch(/^[1-9][\d,]+\s/);
    await page.setViewportSize({ width: 360, height: 740 });
    expect((await place("Stock SDK")).x).toBe((await place("Evertoken")).x);
    expect((await place("Stock SDK")).y).toBeGreaterThan((await place("Evertoken")).y);
    expect(await overhang(page)).toBe(0);
  });

  it("has nothing to say about a process that did nothing, and says so", async () => {
    const { url } = await served({ ...SIMULATED, clients: 0 });
    const { page } = await open(url);
    await page.getByText("Nothing has happened so far.").waitFor();
    await page.getByText("No client yet: the first request makes one.").waitFor();
    expect(await page.locator(".plot-empty").allInnerTexts()).toEqual([
      "Nobody tells how long credentials would last here",
      "IMDS was not asked in this time",
      "Nothing to time yet",
      "No request in this time",
      "No answer meant stale credentials",
    ]);
  });
});

describe.skipIf(NO_BROWSER)("the story of an expired token", () => {
  it("opens by keyboard, tells how it came to it, and gives the focus back", async () => {
    const { url } = await served(DEMO, 12 * HOUR);
    const { page } = await open(url);
    const event = page.getByRole("button", { name: /Stock SDK.*ExpiredToken/ }).first();
    await event.focus();
    await page.keyboard.press("Enter");
    const story = page.getByRole("dialog", { name: "An expired token reached a caller" });
    await story.waitFor();
    expect(await story.getByRole("listitem").count()).toBe(5);
    expect(await story.getByRole("listitem").last().innerText()).toContain("S3 answered ExpiredToken");
    expect(await barriers(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await story.waitFor({ state: "hidden" });
    expect(await event.evaluate((button) => button.matches(":focus"))).toBe(true);
  });

  it("keeps the focus on an event while others arrive above it", async () => {
    const { url, server } = await served(DEMO, 12 * HOUR);
    const { page } = await open(url);
    await page.locator(".event button").first().focus();
    const text = await page.locator(".event button:focus .event-text").innerText();
    for (let ticks = 0; ticks < 40; ticks++) server.tick();
    await expect.poll(() => page.locator(".event button").first().innerText()).not.toContain(text);
    expect(await page.locator(".event button:focus .event-text").innerText()).toBe(text);
  });

  it("hides what is no trouble, on demand", async () => {
    const { url } = await served(DEMO, 12 * HOUR);
    const { page } = await open(url);
    await page.getByRole("button", { name: /^Errors/ }).click();
    const rows = page.locator(".event");
    expect(await rows.count()).toBeGreaterThan(0);
    expect(await rows.count()).toBe(await rows.getByRole("img", { name: "error" }).count());
  });
});

describe.skipIf(NO_BROWSER)("the line to the process", () => {
  it("is taken up again when the process was gone, with all that happened meanwhile", async () => {
    const { url, server, world } = await served(SIMULATED, 2 * HOUR);
    const { page, problems } = await open(url, { callsAgain: false });
    await page.getByText("Live", { exact: true }).waitFor();
    const { port } = new URL(url);
    await server.close();
    await page.getByText("Disconnected.", { exact: true }).waitFor();
    await page.getByText(/What you see is of \d\d:\d\d:\d\d (CET|CEST|GMT\+[12])\./).waitFor();
    expect(await page.locator("main.is-old").count()).toBe(1);
    world.pass(HOUR);
    const again = new PageServer(world);
    onTestFinished(() => again.close());
    await again.listen(Number(port));
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
    expect(await page.locator("main.is-old").count()).toBe(0);
    await page.getByText("Generation 4 taken; it lasts 6 h.").waitFor();
    expect(await page.getByText("Another process answers now.").count()).toBe(0);
    // That nobody answered is in the browser's own console, and rightly so.
    expect(problems.splice(0).filter((text) => !text.includes("net::ERR_"))).toEqual([]);
  });

  it("is taken up again by itself, with growing pauses", async () => {
    const { url, server } = await served(SIMULATED, HOUR);
    const { page } = await open(url);
    await page.getByText("Live", { exact: true }).waitFor();
    server.hangUp();
    await page.getByText("Disconnected", { exact: true }).waitFor();
    await expect.poll(() => server.lines, { timeout: 5000 }).toBe(1);
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("is given up when it stays silent, and a sleeping laptop finds out when it wakes", async () => {
    const { url, server } = await served(SIMULATED, HOUR);
    const { page } = await open(url);
    await page.getByText("Live", { exact: true }).waitFor();
    const first = server.lines;
    // An hour later by the viewer's clock, without a single timer in between: that is what a sleep is.
    await page.evaluate(
      "{ const now = Date.now; Date.now = () => now() + 3600_000; document.dispatchEvent(new Event('visibilitychange')); }",
    );
    await expect.poll(() => server.hellos).toBe(first + 1);
    await page.getByText("Live", { exact: true }).waitFor();
  });

  it("begins anew when another process answers, and says so", async () => {
    const { url, server } = await served(SIMULATED, 5 * HOUR);
    const { page } = await open(url);
    await page.getByText("Generation 5 taken; it lasts 6 h.").waitFor();
    server.replace(new World({ ...SIMULATED, run: "run-2" }).pass(10 * MINUTE));
    server.hangUp();
    await page.getByText("Another process answers now.").waitFor();
    await page.getByText("Nothing has happened so far.").waitFor();
    expect(await page.getByRole("img", { name: /^1 generation of credentials/ }).count()).toBe(1);
    await page.getByRole("button", { name: "Dismiss" }).click();
    expect(await page.getByText("Another process answers now.").count()).toBe(0);
  });

  it("says what is missing when nobody ever answered", async () => {
    const { url, server } = await served(SIMULATED);
    server.isGone = true;
    const { page, problems } = await open(url, { callsAgain: false });
    await page.getByRole("heading", { name: "Nobody answers" }).waitFor();
    expect(await barriers(page)).toEqual([]);
    server.isGone = false;
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByText("Live", { exact: true }).waitFor();
    expect(problems.splice(0).every((text) => text.includes("503"))).toBe(true);
  });
});

describe.skipIf(NO_BROWSER)("everybody can use the page", () => {
  it.each([
    { who: "by day", look: { colorScheme: "light" } as const, world: SIMULATED },
    { who: "by night", look: { colorScheme: "dark" } as const, world: SIMULATED },
    { who: "at the demo by day", look: { colorScheme: "light" } as const, world: DEMO },
    {
      who: "at the demo by night, on a phone",
      look: { colorScheme: "dark", width: 360, height: 740 } as const,
      world: DEMO,
    },
  ])("$who: axe finds no barrier", async ({ look, world }) => {
    // Two hours into an outage: every colour of severity is on the page.
    const { url } = await served(world, 9.5 * HOUR);
    const { page } = await open(url, look);
    await page.locator(".figure").first().waitFor();
    await page.locator("summary").first().click();
    expect(await barriers(page)).toEqual([]);
    expect(await overhang(page)).toBe(0);
  });

  it("every control is reached by Tab, and shows that it is", async () => {
    const { url } = await served(SIMULATED, 9.5 * HOUR);
    const { page } = await open(url);
    await page.locator(".figure").waitFor();
    const reached: string[] = [];
    for (let tabs = 0; tabs < 80; tabs++) {
      await page.keyboard.press("Tab");
      const focused = page.locator(":focus");
      if ((await focused.count()) === 0) break;
      reached.push(`${await focused.evaluate((element) => element.getAttribute("aria-label") ?? element.textContent)}`);
      expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    }
    for (const name of ["15 min", "Faults active now", "As a table", "Age", "Events, newest first", "UTC", "Dark"]) {
      expect(reached).toContain(name);
    }
    expect(reached.some((name) => name.startsWith("Latency:"))).toBe(true);
    // A hundred cells are one stop: arrow keys move within.
    expect(reached.filter((name) => name.startsWith("Client "))).toHaveLength(1);
  });

  it("arrow keys move through the pool and through a chart", async () => {
    const { url } = await served(SIMULATED, 3 * HOUR);
    const { page } = await open(url);
    await page.getByRole("button", { name: /^Client 0,/ }).focus();
    for (const key of ["ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft"]) await page.keyboard.press(key);
    expect(await page.locator(".pool-member dd").first().innerText()).toBe("20");
    const chart = page.getByRole("img", { name: /^Requests:/ });
    await chart.focus();
    await page.keyboard.press("ArrowLeft");
    const at = page.locator("figure", { has: chart }).locator(".plot-at");
    await expect.poll(() => at.innerText()).toBe("09:55");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => at.innerText()).toBe("09:50");
    await page.keyboard.press("Escape");
    await expect.poll(() => at.innerText()).toBe("");
  });

  it("a screen reader is told of what got worse, and of nothing else", async () => {
    const { url, server } = await served(SIMULATED, 7 * HOUR - 2 * MINUTE);
    const { page } = await open(url);
    const status = page.getByRole("status");
    await expect.poll(() => status.innerText()).toBe("Safe.");
    await page.evaluate(
      "window.said = []; new MutationObserver(() => window.said.push(document.querySelector('[role=status]').textContent)).observe(document.querySelector('[role=status]'), { childList: true, characterData: true, subtree: true })",
    );
    for (let minutes = 0; minutes < 30; minutes++) server.tick();
    await expect.poll(() => page.evaluate("window.said"), { timeout: 15_000 }).toEqual(["Source away."]);
  });

  it("nothing moves by itself, whatever happens", async () => {
    for (const world of [SIMULATED, DEMO]) {
      const { url, server } = await served(world, 6 * HOUR);
      const { page } = await open(url);
      await page.locator(".figure").first().waitFor();
      for (let ticks = 0; ticks < 120; ticks++) server.tick();
      await page.waitForTimeout(100);
      server.hangUp();
      await page.getByText("Disconnected", { exact: true }).waitFor();
      await page.getByText("Live", { exact: true }).waitFor();
      const { shift, moved, violations } = await watched(page);
      expect(moved).toEqual([]);
      expect(shift).toBe(0);
      expect(violations).toEqual([]);
    }
  });
});
