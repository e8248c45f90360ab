/**
 * The load: who sends the next operation, and when.
 *
 * Closed loop: each of `inFlight` callers sends its next operation when its last one has ended; a service that is slow is
 * asked less. Open loop: operations are due at a fixed rate whatever the answers do; at most `inFlight` are under way, others
 * wait in line, and latency counts from the moment an operation was due, so that a stall is felt by all that it kept
 * waiting (no coordinated omission). Timers of Node.js are up to a millisecond late, and that counts as well.
 */

import type { Pauses } from "@evertoken/core";
import type { OpenClient, Operation } from "../candidates/client.js";
import type { Recorder } from "./recorder.js";

export interface Load {
  readonly client: OpenClient;
  /** The `index`-th operation, for the `slot`-th of those under way at the same time. */
  readonly operation: (index: number, slot: number) => Operation;
  /** How many bytes a `get` must bring or a `head` must tell. */
  readonly expectedSize: number | undefined;
  readonly inFlight: number;
  readonly arrivalsPerSecond?: number;
  readonly recorder: Recorder;
  readonly pauses: Pauses;
}

/** Beyond this, an operation that is under way at the end is taken for one that never ends. */
const DRAIN_MS = 5000;

/** How often time is told that it passes, though nothing ends. */
const TICK_MS = 10;

/** Runs until the recorder has enough and what was under way has ended, or was given up. */
export async function runLoad(load: Load): Promise<void> {
  const { recorder, pauses } = load;
  const { ended, waiting } = load.arrivalsPerSecond === undefined ? closedLoop(load) : openLoop(load);
  while (!recorder.isOver) {
    await pauses.sleep(TICK_MS);
    recorder.tick();
  }
  const drained = new AbortController();
  const tooLate = pauses.sleep(DRAIN_MS, drained.signal).catch(() => undefined);
  await Promise.race([ended, tooLate]);
  drained.abort();
  recorder.failedAtAll("NotAnsweredInTime", `no answer ${DRAIN_MS / 1000} s after the end`, waiting());
}

interface Loop {
  readonly ended: Promise<unknown>;
  /** Operations that were due within the measured time and have not ended. */
  waiting(): number;
}

function closedLoop(load: Load): Loop {
  const { recorder, pauses, inFlight } = load;
  let [index, underWay] = [0, 0];
  const caller = async (slot: number) => {
    while (!recorder.isOver) {
      underWay += 1;
      await send(load, { index: index++, slot, dueMs: pauses.monotonic() });
      underWay -= 1;
    }
  };
  const ended = Promise.all(Array.from({ length: inFlight }, (_, slot) => caller(slot)));
  return { ended, waiting: () => underWay };
}

function openLoop(load: Load): Loop {
  const { recorder, pauses, inFlight, arrivalsPerSecond = 1 } = load;
  const startedMs = pauses.monotonic();
  const everyMs = 1000 / arrivalsPerSecond;
  const free = Array.from({ length: inFlight }, (_, slot) => slot);
  let next = 0;
  const dueMs = () => startedMs + next * everyMs;
  // Whatever was due before the end is sent, even after it: it has waited, and its wait counts.
  const isLeft = () => !recorder.isOver || dueMs() < recorder.measured.untilMs;
  const sendDue = () => {
    while (free.length > 0 && isLeft() && dueMs() <= pauses.monotonic()) {
      const slot = free.pop() as number;
      void send(load, { index: next, slot, dueMs: dueMs() }).then(() => {
        free.push(slot);
        sendDue();
      });
      next += 1;
    }
  };
  const arrivals = async () => {
    while (isLeft() || free.length < inFlight) {
      sendDue();
      await pauses.sleep(Math.max(1, Math.min(TICK_MS, dueMs() - pauses.monotonic())));
    }
  };
  const unsent = () => Math.max(0, Math.ceil((recorder.measured.untilMs - dueMs()) / everyMs));
  return { ended: arrivals(), waiting: () => inFlight - free.length + unsent() };
}

interface Sent {
  readonly index: number;
  readonly slot: number;
  readonly dueMs: number;
}

async function send({ client, operation, expectedSize, recorder }: Load, { index, slot, dueMs }: Sent): Promise<void> {
  const asked = operation(index, slot);
  try {
    const size = await client.run(asked);
    if ((asked.type === "get" || asked.type === "head") && size !== expectedSize) {
      recorder.failed(dueMs, "WrongSize", `${asked.type} of ${expectedSize} bytes was answered with ${size}`);
    } else {
      recorder.succeeded(dueMs, asked);
    }
  } catch (error) {
    recorder.failed(dueMs, failureName(error), error instanceof Error ? error.message : String(error));
  }
}

/** The error's name, or Node.js's code for what has no name of its own. */
function failureName(error: unknown): string {
  if (!(error instanceof Error)) return "NotAnError";
  const { name, code } = error as Error & { code?: unknown };
  const said = /^(Aggregate)?Error$/.test(name) && typeof code === "string" ? code : name;
  return /^[\w.-]{1,60}$/.test(said) ? said : "Error";
}
