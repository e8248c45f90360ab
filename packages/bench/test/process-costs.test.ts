/** What turns of load cost a process: what it does between them is not its cost. */

import { performance } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { CostMeter } from "../src/run/process-costs.js";

describe("the costs of turns", () => {
  it("have no delay of the event loop for the time between two of them", async () => {
    const meter = new CostMeter();

    for (let turn = 0; turn < 2; turn++) {
      meter.begin();
      await pause(100);
      meter.end();
      await pause(2000);
    }

    // Far more than a busy machine makes of a loop that has nothing to do, far less than the time between.
    expect(meter.costs().loopDelayP99Ms).toBeLessThan(500);
  });
  it("have the delay that one short turn among many noted", async () => {
    const meter = new CostMeter();

    for (let turn = 0; turn < 20; turn++) {
      meter.begin();
      await pause(16);
      if (turn === 10) {
        const until = performance.now() + 200;
        while (performance.now() < until);
        await pause(16);
      }
      meter.end();
    }

    expect(meter.costs().loopDelayP99Ms).toBeGreaterThan(100);
  });
});
