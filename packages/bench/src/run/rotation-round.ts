/** The rotation case: one candidate after the other, each in a world of its own, whose half hour begins when it is warm. */

import { SimulatedWorld } from "../target/simulated.js";
import { watchMachine } from "./machine.js";
import { CandidateDied, Participant } from "./participant.js";
import type { Task } from "./protocol.js";
import { MEASURE_MS } from "./rotation.js";
import type { Result, RoundResult } from "./round.js";
import { sumOf } from "./warm-up.js";

/** Connections are open then, and there are credentials. What callers feel does not hang on compiled code. */
const WARM_UP_MS = 500;

/** Measures, and leaves no process behind. @throws the signal's reason when it aborts. */
export async function playRotation(tasks: readonly Task[], signal: AbortSignal): Promise<RoundResult> {
  const results: (Result | CandidateDied)[] = [];
  const conditions: RoundResult["conditions"][number][] = [];
  for (const task of tasks) {
    const world = await SimulatedWorld.start({ rotating: true });
    try {
      const watch = watchMachine(world.pid);
      const result = await playIn(world, task, signal);
      conditions.push(watch(sumOf(result.slices).cpuSeconds));
      results.push(result);
    } catch (error) {
      if (!(error instanceof CandidateDied)) throw error;
      results.push(error);
    } finally {
      await world.close();
    }
  }
  return { results, conditions };
}

async function playIn(world: SimulatedWorld, task: Task, signal: AbortSignal): Promise<Result> {
  const { credentials: _, ...found } = task.settings;
  const settings = { ...found, endpoint: world.s3Url };
  const participant = new Participant({ ...task, settings, clock: world.clock }, world.environment, signal);
  try {
    await participant.open();
    await participant.play({ ms: WARM_UP_MS, counts: false });
    await participant.play({ ms: MEASURE_MS, counts: true, clock: await world.begin() });
    const report = await participant.finish();
    const felt = { ...report.rotation, ...report.counters, imdsRequests: await world.imdsRequests() };
    return {
      report: { ...report, rotation: felt },
      slices: participant.slices,
      unsteady: false,
      targetCores: undefined,
    };
  } finally {
    await participant.kill();
  }
}
