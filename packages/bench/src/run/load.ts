/**
 * A turn of load: operations are sent for a while, and the turn is over when the last of them has ended.
 *
 * Closed loop: each of `inFlight` callers sends its next operation when its last one has ended; a service that is slow is
 * asked less. Callers end one by one, so what lasts is the turn of the average caller: one slow operation at the end costs
 * no more than it would have in the middle. Open loop: operations are due at a fixed rate whatever the answers do; at most
 * `inFlight` are under way, others wait in line, and latency counts from the moment an operation was due, so that a stall is
 * felt by all that it kept waiting (no coordinated omission). Timers of Node.js are up to a millisecond late; that counts.
 */

import type { Pauses } from "@evertoken/core";

interface Load {
  /** Does the `index`-th operation as the `slot`-th of those under way, due at `dueMs`. Never rejects. */
  readonly send: (index: number, slot: number, dueMs: number) => Promise<void>;
  readonly inFlight: number;
  readonly arrivalsPerSecond?: number;
  readonly pauses: Pauses;
}

export interface Played {
  /** For how long, as throughput counts it. */
  readonly seconds: number;
  /** How many operations were sent, or due to be. */
  readonly due: number;
  /** Of them, those that had not ended when the turn was given up. */
  readonly unanswered: number;
}

/** An operation that takes this much longer than the turn is taken for one that never ends. */
const PATIENCE_MS = 5000;

/** @param index of the first operation. */
export function playTurn(load: Load, index: number, ms: number): Promise<Played> {
  return load.arrivalsPerSecond === undefined ? closedLoop(load, index, ms) : openLoop(load, index, ms);
}

async function closedLoop({ send, inFlight, pauses }: Load, first: number, ms: number): Promise<Played> {
  const startedMs = pauses.monotonic();
  const endedMs = new Array<number | undefined>(inFlight).fill(undefined);
  let index = first;
  const caller = async (slot: number) => {
    let now = startedMs;
    // Once at least, so that a turn shorter than an operation is none that did nothing.
    do {
      await send(index++, slot, now);
      now = pauses.monotonic();
    } while (now < startedMs + ms);
    endedMs[slot] = now;
  };
  await settledWithin(Promise.all(endedMs.map((_, slot) => caller(slot))), ms + PATIENCE_MS, pauses);
  const now = pauses.monotonic();
  const callerMs = endedMs.map((ended) => (ended ?? now) - startedMs);
  return {
    seconds: callerMs.reduce((sum, one) => sum + one, 0) / inFlight / 1000,
    due: index - first,
    unanswered: endedMs.filter((ended) => ended === undefined).length,
  };
}

async function openLoop(load: Load, first: number, ms: number): Promise<Played> {
  const { send, inFlight, pauses, arrivalsPerSecond = 1 } = load;
  const startedMs = pauses.monotonic();
  const due = Math.max(1, Math.round((ms / 1000) * arrivalsPerSecond));
  const dueMs = (arrival: number) => startedMs + (arrival * 1000) / arrivalsPerSecond;
  const free = Array.from({ length: inFlight }, (_, slot) => slot);
  let [next, answered] = [0, 0];
  let sentAllMs = Number.POSITIVE_INFINITY;
  let allAnswered = () => {};
  const answers = new Promise<void>((resolve) => {
    allAnswered = resolve;
  });
  const sendDue = () => {
    while (free.length > 0 && next < due && dueMs(next) <= pauses.monotonic()) {
      const slot = free.pop() as number;
      void send(first + next, slot, dueMs(next)).then(() => {
        free.push(slot);
        answered += 1;
        if (answered === due) allAnswered();
        else sendDue();
      });
      next += 1;
    }
  };
  const arrivals = async () => {
    while (next < due) {
      sendDue();
      await pauses.sleep(Math.max(1, dueMs(next) - pauses.monotonic()));
    }
    sentAllMs = pauses.monotonic();
  };
  await settledWithin(Promise.all([arrivals(), answers]), ms + PATIENCE_MS, pauses);
  // Longer than it should have been when arrivals came faster than they could be sent.
  const seconds = Math.max(ms, Math.min(sentAllMs, pauses.monotonic()) - startedMs) / 1000;
  return { seconds, due, unanswered: due - answered };
}

async function settledWithin(work: Promise<unknown>, ms: number, pauses: Pauses): Promise<void> {
  const done = new AbortController();
  const late = pauses.sleep(ms, done.signal).catch(() => undefined);
  await Promise.race([work, late]);
  done.abort();
}
