/**
 * When a client is warm: its code compiled, its connections open. Judged by CPU time per operation and by rate, which fall
 * and rise until then, from turn to turn.
 */

import type { Slice } from "../record.js";

/** Turns that are compared with as many before them. */
const COMPARED = 4;

/** Figures that differ by less have come to rest. */
const TOLERANCE = 0.05;

/** Whether the last turns are no better than those before them. */
export function isSteady(turns: readonly Slice[]): boolean {
  if (turns.length < 2 * COMPARED) return false;
  const [before, last] = [sumOf(turns.slice(-2 * COMPARED, -COMPARED)), sumOf(turns.slice(-COMPARED))];
  if (before.operations === 0 || last.operations === 0) return false;
  const cpuFell = 1 - last.cpuSeconds / last.operations / (before.cpuSeconds / before.operations);
  const rateRose = last.operations / last.seconds / (before.operations / before.seconds) - 1;
  return cpuFell < TOLERANCE && rateRose < TOLERANCE;
}

export const sumOf = (turns: readonly Slice[]): Slice => ({
  seconds: turns.reduce((sum, { seconds }) => sum + seconds, 0),
  operations: turns.reduce((sum, { operations }) => sum + operations, 0),
  cpuSeconds: turns.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
});
