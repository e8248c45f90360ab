/** Runs in a process of its own: opens one client, plays one case's load with it when it is its turn, and reports. */

import { type Clock, describeError, systemClock, VirtualClock } from "@evertoken/core";
import type { OpenClient } from "../candidates/client.js";
import { openClient } from "../candidates/load.js";
import { operationsOf } from "./operations.js";
import { Player } from "./player.js";
import type { FromMeasuring, Report, Task, ToMeasuring } from "./protocol.js";
import { RotationObserver } from "./rotation.js";

interface Opened {
  readonly client: OpenClient;
  readonly player: Player;
  readonly observer: RotationObserver | undefined;
}

/** Of the rotation case. */
const clock = new VirtualClock({ speed: 1 });

/** In the rotation case `Date` itself runs fast, so that it is the SDK's own logic of refreshing that is judged. */
async function clockOf(task: Task): Promise<Clock> {
  if (task.clock === undefined) return systemClock;
  // Here alone, or every other measurement would have a simulator in its memory.
  const { followClock } = await import("@evertoken/simulator");
  clock.follow(task.clock);
  followClock(clock);
  return clock;
}

async function open(task: Task): Promise<Opened> {
  const { of, place, seed } = task;
  const client = await openClient(task.client, task.settings, await clockOf(task));
  const observer = of.operation === "rotation" ? new RotationObserver() : undefined;
  const operation = operationsOf(of, place, seed);
  const onOutcome = observer && ((outcome: Parameters<RotationObserver["note"]>[0]) => observer.note(outcome));
  return { client, observer, player: new Player({ of, client, operation, pauses: systemClock, onOutcome }) };
}

async function finish({ client, player, observer }: Opened): Promise<Report> {
  const recorded = player.recorded();
  // A client that waits for an answer that never comes would wait here as well.
  const counters = player.isStuck ? {} : await client.close();
  return { ...recorded, counters, ...(observer && { rotation: observer.felt() }) };
}

let opened: Opened | undefined;

async function obey(message: ToMeasuring): Promise<FromMeasuring> {
  if (message.say === "open") {
    opened = await open(message.task);
    return { say: "opened" };
  }
  if (opened === undefined) throw new Error(`it was told to ${message.say} before it was opened`);
  if (message.say === "finish") return { say: "finished", report: await finish(opened) };
  if (message.clock !== undefined) clock.follow(message.clock);
  if (message.counts) opened.observer?.begin(systemClock.monotonic());
  return { say: "played", turn: await opened.player.turn(message.ms, message.counts) };
}

// Ctrl-C reaches the whole group of processes: the run decides what becomes of this one.
process.on("SIGINT", () => {});
process.on("disconnect", () => process.exit());
process.on("message", (message: ToMeasuring) => {
  obey(message).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ say: "failed", why: describeError(error) } satisfies FromMeasuring),
  );
});
