/**
 * A page that is left open for a simulated week: what it holds and what a tick costs it must not grow. Costs are the
 * browser's own count of the time in its main thread, first days against last, so that another program on the machine does
 * not matter much.
 */

import type { CDPSession } from "playwright-core";
import { expect, it, onTestFinished } from "vitest";
import { NO_BROWSER, open, useBrowser, watched } from "./browser.js";
import { PageServer } from "./page-server.js";
import { HOUR, MINUTE, World } from "./world.js";

useBrowser();

const STEP_MS = 12 * MINUTE;
const TICKS_A_DAY = (24 * HOUR) / STEP_MS;
/** A screen shows sixty frames a second; a tick for each is the most that can be seen. */
const PACE_MS = 17;

interface Measured {
  readonly heapBytes: number;
  readonly nodes: number;
  readonly listeners: number;
  readonly busySeconds: number;
}

async function measure(session: CDPSession): Promise<Measured> {
  await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return {
    heapBytes: of("JSHeapUsedSize"),
    nodes: of("Nodes"),
    listeners: of("JSEventListeners"),
    busySeconds: of("TaskDuration"),
  };
}

it.skipIf(NO_BROWSER)(
  "a page that is left open for a week holds its memory and its pace",
  { timeout: 90_000 },
  async () => {
    const server = new PageServer(new World({ subject: "demo", stepMs: STEP_MS, tickMs: PACE_MS }).pass(24 * HOUR));
    onTestFinished(() => server.close());
    const { page } = await open(await server.listen(), { width: 1440 });
    await page.getByText("Live", { exact: true }).waitFor();
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const day = async () => {
      const [before, from] = [await measure(session), await watched(page)];
      for (let ticks = 0; ticks < TICKS_A_DAY; ticks++) {
        server.tick();
        await page.waitForTimeout(PACE_MS);
      }
      const [after, to] = [await measure(session), await watched(page)];
      const frames = to.frames - from.frames;
      return { ...after, busyPerTick: (after.busySeconds - before.busySeconds) / TICKS_A_DAY, frames };
    };
    // Ten days in a rush before: everything that has a bound has reached it.
    for (let ticks = 0; ticks < 10 * TICKS_A_DAY; ticks++) server.tick();
    await page.waitForTimeout(10 * PACE_MS);
    const days: Awaited<ReturnType<typeof day>>[] = [];
    for (let passed = 0; passed < 7; passed++) days.push(await day());

    const [first] = days;
    const last = days.at(-1);
    if (first === undefined || last === undefined) throw new Error("a week has seven days");
    expect(last.heapBytes).toBeLessThan(first.heapBytes * 1.15);
    expect(last.nodes).toBeLessThan(first.nodes * 1.15);
    expect(last.listeners).toBeLessThan(first.listeners * 1.15);
    expect(last.busyPerTick).toBeLessThan(first.busyPerTick * 2);
    // Each tick was seen: none was put off because the one before was not done.
    expect(last.frames).toBeGreaterThan(first.frames * 0.7);
    expect((await watched(page)).moved).toEqual([]);
  },
);
