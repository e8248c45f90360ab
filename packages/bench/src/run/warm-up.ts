/**
 * When a client is warm: its code compiled, its connections open. Judged by CPU time per operation and by rate, which
 * fall and rise until then, in short windows one after the other.
 */

import type { Slice } from "../record.js";

export const WARM_UP_WINDOW_MS = 100;

/** Windows that are compared with as many before them. */
const COMPARED = 3;

/** Figures that differ by less have come to rest. */
const TOLERANCE = 0.05;

/** A window's count is off by about one operation at either end. */
const EDGES = 1;

/** Whether the last windows are as good as those before them. */
export function isSteady(windows: readonly Slice[]): boolean {
  if (windows.length < 2 * COMPARED) return false;
  const [before, last] = [windows.slice(-2 * COMPARED, -COMPARED), windows.slice(-COMPARED)].map(sumOf);
  if (before === undefined || last === undefined || before.operations === 0 || last.operations === 0) return false;
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
