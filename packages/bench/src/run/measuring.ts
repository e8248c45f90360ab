/** Runs in a process of its own: opens one client, puts one case's load on it, and reports what came of it. */

import { type Clock, describeError, systemClock, VirtualClock } from "@evertoken/core";
import { followClock } from "@evertoken/simulator";
import { openClient } from "../candidates/load.js";
import { runLoad } from "./load.js";
import { operationsOf } from "./operations.js";
import type { FromMeasuring, Report, Task, ToMeasuring } from "./protocol.js";
import { Recorder } from "./recorder.js";
import { RotationObserver } from "./rotation.js";

function say(message: FromMeasuring, then = () => {}): void {
  process.send?.(message, then);
}

/** Of the rotation case. */
const clock = new VirtualClock({ speed: 1 });

/** In the rotation case `Date` itself runs fast, so that it is the SDK's own logic of refreshing that is judged. */
function clockOf(task: Task): Clock {
  if (task.clock === undefined) return systemClock;
  clock.follow(task.clock);
  followClock(clock);
  return clock;
}

async function measure(task: Task): Promise<Report> {
  const { of, place, seed, warmUpMs, measureMs } = task;
  const client = await openClient(task.client, task.settings, clockOf(task));
  const operation = operationsOf(of, place, seed);
  const observer = of.operation === "rotation" ? new RotationObserver() : undefined;
  const pauses = systemClock;
  const recorder = new Recorder({ warmUpMs, measureMs, latenciesByStart: of.arrivalsPerSecond !== undefined }, pauses, {
    measuring: () => {
      observer?.begin(pauses.monotonic());
      say({ say: "measuring" });
    },
    ...(observer && { outcome: (outcome) => observer.note(outcome) }),
  });
  await runLoad({
    client,
    operation,
    expectedSize: of.sizeBytes,
    inFlight: of.inFlight,
    ...(of.arrivalsPerSecond !== undefined && { arrivalsPerSecond: of.arrivalsPerSecond }),
    recorder,
    pauses,
  });
  const counters = await client.close();
  return { ...recorder.result(), counters, ...(observer && { rotation: observer.felt() }) };
}

// Ctrl-C reaches the whole group of processes: the run decides what becomes of this one.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", async (message: ToMeasuring) => {
  if (message.say === "clock") {
    clock.follow(message.clock);
    return;
  }
  try {
    const report = await measure(message.task);
    say({ say: "measured", report }, () => process.exit());
  } catch (error) {
    say({ say: "failed", why: describeError(error) }, () => process.exit());
  }
});
