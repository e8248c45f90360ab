/**
 * A real browser, Debian's Chromium, for the length of a test file. A page fails its test when it writes an error to the
 * console, breaks its own Content-Security-Policy, or asks anybody but its own server for anything.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, onTestFinished } from "vitest";
import { isMissing } from "../../../../tools/real-tool.js";

const CHROMIUM = "/usr/bin/chromium";

export const NO_BROWSER = isMissing("chromium", CHROMIUM, "--version");

/** Nobody else may use what root browses with; in a container root is all there is. */
const ARGS = process.getuid?.() === 0 ? ["--no-sandbox"] : [];

let browser: Browser | undefined;

/** Call it once in a file. */
export function useBrowser(): void {
  beforeAll(async () => {
    if (!NO_BROWSER)
      browser = await chromium.launch({ executablePath: CHROMIUM, args: [...ARGS, "--enable-precise-memory-info"] });
  });
  afterAll(() => browser?.close());
  afterEach(() => {
    for (const check of checks.splice(0)) check();
  });
}

const checks: (() => void)[] = [];

export interface Opened {
  readonly page: Page;
  /** What went wrong in the page so far; a test that expects something takes it out. */
  readonly problems: string[];
  /** Addresses that the page asked. */
  readonly asked: string[];
}

export interface Look extends BrowserContextOptions {
  readonly width?: number;
  readonly height?: number;
  /** Default true. If false the page never calls again by itself: only a click can have been it. */
  readonly callsAgain?: boolean;
}

/** Opens a page as somebody in Berlin sees it. */
export async function open(
  url: string,
  { width = 1280, height = 900, callsAgain = true, ...look }: Look = {},
): Promise<Opened> {
  if (browser === undefined) throw new Error("there is no browser: call useBrowser() in the test file");
  const context = await browser.newContext({
    viewport: { width, height },
    timezoneId: "Europe/Berlin",
    colorScheme: "light",
    ...look,
  });
  onTestFinished(() => context.close());
  await context.addInitScript(WATCH);
  if (!callsAgain) await context.addInitScript(ONLY_SHORT_WAITS);
  const page = await context.newPage();
  // Less than a test may take: what it waited for is then said.
  page.setDefaultTimeout(8000);
  const problems: string[] = [];
  const asked: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") problems.push(message.text());
  });
  page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
  page.on("request", (request) => asked.push(request.url()));
  checks.push(() => {
    expect(problems).toEqual([]);
    const { host } = new URL(url);
    expect(asked.filter((address) => new URL(address).host !== host)).toEqual([]);
  });
  await page.goto(url);
  return { page, problems, asked };
}

/** Counts what only the browser knows. */
const WATCH = `
  window.watched = { shift: 0, moved: [], violations: [], frames: 0 };
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) { window.watched.shift += entry.value; window.watched.moved.push(...entry.sources.map(({ node }) => (node?.outerHTML ?? node?.textContent ?? "").slice(0, 120))); }
  }).observe({ type: "layout-shift", buffered: true });
  document.addEventListener("securitypolicyviolation", (event) => window.watched.violations.push(event.violatedDirective + " " + event.blockedURI));
  const count = () => { window.watched.frames += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
`;

/** The page's pauses between two calls are three eighths of a second at least. */
const ONLY_SHORT_WAITS = `
  const { setTimeout } = window;
  window.setTimeout = (act, ms = 0, ...given) => (ms < 300 ? setTimeout(act, ms, ...given) : 0);
`;

export interface Watched {
  readonly shift: number;
  /** What moved. */
  readonly moved: readonly string[];
  readonly violations: readonly string[];
  readonly frames: number;
}

export function watched(page: Page): Promise<Watched> {
  return page.evaluate("window.watched");
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/** What stands in the way of somebody with a screen reader, a keyboard, or weak eyes. WCAG 2.2 AA and axe's best practices. */
export async function barriers(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = (await page.evaluate(`axe.run(document, ${JSON.stringify({ runOnly: tags })})`)) as {
    violations: Violation[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  );
}

/** How far the page is wider than its window. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate("Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)");
}
