/** One candidate, one case, one round: the run's side of the process that measures. */

import { once } from "node:events";
import { systemClock } from "@evertoken/core";
import type { BenchTarget } from "../target/bench-target.js";
import { SimulatedWorld } from "../target/simulated.js";
import { Forked } from "./forked.js";
import { type Conditions, watchMachine } from "./machine.js";
import type { FromMeasuring, Report, Task, ToMeasuring } from "./protocol.js";
import { AT_MOST_TIMES_AS_LONG } from "./recorder.js";
import { MEASURE_MS } from "./rotation.js";

/** Importing an SDK, on a machine that is busy. */
const OPENING_MS = 30_000;

/** Stragglers and the end of the client. */
const CLOSING_MS = 20_000;

/** The process that measured ended early, hung, or could not open its client: the candidate takes no further part. */
export class CandidateDied extends Error {
  override readonly name = "CandidateDied";
}

export interface Measured {
  readonly report: Report;
  readonly conditions: Conditions;
}

/** What is the same for each measurement of a run. */
export type TaskOfRun = Omit<Task, "clock">;

/**
 * Measures, and leaves no process behind.
 * @throws CandidateDied; the signal's reason when it aborts.
 */
export async function measureOnce(task: TaskOfRun, target: BenchTarget, signal: AbortSignal): Promise<Measured> {
  return task.of.operation === "rotation" ? measureRotation(task, signal) : measureAt(task, target, signal);
}

function measureAt(task: TaskOfRun, { pid, caFile }: BenchTarget, signal: AbortSignal): Promise<Measured> {
  const environment = {
    AWS_EC2_METADATA_DISABLED: "true",
    ...(caFile !== undefined && { NODE_EXTRA_CA_CERTS: caFile }),
  };
  return converse({ task, environment, targetPid: pid, signal });
}

/** In a world of its own, whose half hour begins when the client is warm. */
async function measureRotation(task: TaskOfRun, signal: AbortSignal): Promise<Measured> {
  const world = await SimulatedWorld.start({ rotating: true });
  try {
    const { credentials: _, ...found } = task.settings;
    const settings = { ...found, endpoint: world.s3Url };
    const measured = await converse({
      task: { ...task, settings, measureMs: MEASURE_MS, clock: world.clock },
      environment: world.environment,
      targetPid: world.pid,
      signal,
      onMeasuring: async (measuring) => measuring.send({ say: "clock", clock: await world.begin() }),
    });
    const { report, conditions } = measured;
    const felt = { ...report.rotation, ...report.counters, imdsRequests: await world.imdsRequests() };
    return { report: { ...report, rotation: felt }, conditions };
  } finally {
    await world.close();
  }
}

type Measuring = Forked<ToMeasuring, FromMeasuring>;

interface Conversation {
  readonly task: Task;
  readonly environment: Readonly<Record<string, string>>;
  readonly targetPid: number | undefined;
  readonly signal: AbortSignal;
  readonly onMeasuring?: (measuring: Measuring) => Promise<void>;
}

async function converse({ task, environment, targetPid, signal, onMeasuring }: Conversation): Promise<Measured> {
  signal.throwIfAborted();
  const measuring: Measuring = new Forked(new URL("./measuring.js", import.meta.url), environment);
  try {
    measuring.send({ say: "task", task });
    await answer(measuring, "measuring", OPENING_MS + task.warmUpMs, signal);
    const watch = watchMachine(targetPid);
    await onMeasuring?.(measuring);
    const { report } = await answer(measuring, "measured", AT_MOST_TIMES_AS_LONG * task.measureMs + CLOSING_MS, signal);
    return { report, conditions: watch(report.cpuSeconds) };
  } catch (error) {
    signal.throwIfAborted();
    throw new CandidateDied(withoutSecrets(error instanceof Error ? error.message : String(error), task));
  } finally {
    await measuring.kill();
  }
}

/** The next message, which must be this one. */
async function answer<S extends FromMeasuring["say"]>(
  measuring: Measuring,
  expected: S,
  withinMs: number,
  signal: AbortSignal,
): Promise<Extract<FromMeasuring, { say: S }>> {
  const done = new AbortController();
  const late = systemClock.sleep(withinMs, done.signal).then(
    () => `it was not heard of for ${withinMs / 1000} s`,
    () => "it was heard of",
  );
  const aborted = once(signal, "abort", { signal: done.signal }).then(
    () => "it was ended",
    () => "it was heard of",
  );
  try {
    const message = await Promise.race([measuring.receive(), late, aborted]);
    if (typeof message === "string") throw new Error(message);
    if (message.say === "failed") throw new Error(message.why);
    if (message.say !== expected) throw new Error(`it said ${message.say} where ${expected} was expected`);
    return message as Extract<FromMeasuring, { say: S }>;
  } finally {
    done.abort();
  }
}

/** What a client prints is not ours, and it was told the credentials. */
function withoutSecrets(text: string, { settings: { credentials } }: Task): string {
  const secrets = [credentials?.secretAccessKey, credentials?.sessionToken].filter((secret) => secret !== undefined);
  return secrets.reduce((said, secret) => said.replaceAll(secret, "(not shown)"), text);
}
