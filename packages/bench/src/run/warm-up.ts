/**
 * When a client is warm: its code compiled, its connections open. Judged by CPU time per operation and by rate, which fall
 * and rise until then, in short windows one after the other. Compiling follows what was executed rather than the clock, so a
 * window is a stretch of CPU time; a client that waits most of the time ends it by the clock.
 */

import type { Slice } from "../record.js";
import { ownCpuSeconds } from "./pieces.js";

const WINDOW_CPU_SECONDS = 0.15;
const WINDOW_MS = 300;

/** Windows that are compared with as many before them. */
const COMPARED = 4;

/** Figures that differ by less have come to rest. */
const TOLERANCE = 0.05;

/** A window's count is off by about one operation at either end. */
const EDGES = 1;

export class WarmUp {
  readonly #atMostMs: number;
  readonly #startedMs: number;
  readonly #windows: Slice[] = [];
  #from: number;
  #cpuFrom: number;
  #operations = 0;

  constructor(atMostMs: number, nowMs: number) {
    this.#atMostMs = atMostMs;
    this.#startedMs = nowMs;
    this.#from = nowMs;
    this.#cpuFrom = ownCpuSeconds();
  }

  count(): void {
    this.#operations += 1;
  }

  /** @returns whether it is over, and how: the figures have come to rest, or it has lasted as long as it may. */
  over(nowMs: number): "steady" | "unsteady" | undefined {
    const cpu = ownCpuSeconds();
    if (cpu - this.#cpuFrom >= WINDOW_CPU_SECONDS || nowMs - this.#from >= WINDOW_MS) {
      const [seconds, cpuSeconds] = [(nowMs - this.#from) / 1000, cpu - this.#cpuFrom];
      this.#windows.push({ seconds, operations: this.#operations, cpuSeconds });
      [this.#from, this.#cpuFrom, this.#operations] = [nowMs, cpu, 0];
      if (isSteady(this.#windows)) return "steady";
    }
    return nowMs - this.#startedMs >= this.#atMostMs ? "unsteady" : undefined;
  }
}

/** Whether the last windows are no better than those before them. */
function isSteady(windows: readonly Slice[]): boolean {
  if (windows.length < 2 * COMPARED) return false;
  const [before, last] = [sumOf(windows.slice(-2 * COMPARED, -COMPARED)), sumOf(windows.slice(-COMPARED))];
  if (before.operations === 0 || last.operations === 0) return false;
  const tolerance = TOLERANCE + EDGES / Math.min(before.operations, last.operations);
  const cpuFell = 1 - last.cpuSeconds / last.operations / (before.cpuSeconds / before.operations);
  const rateRose = last.operations / last.seconds / (before.operations / before.seconds) - 1;
  return cpuFell < tolerance && rateRose < tolerance;
}

const sumOf = (windows: readonly Slice[]): Slice => ({
  seconds: windows.reduce((sum, { seconds }) => sum + seconds, 0),
  operations: windows.reduce((sum, { operations }) => sum + operations, 0),
  cpuSeconds: windows.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
});
