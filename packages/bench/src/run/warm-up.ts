/**
 * When a client is warm: its code compiled, its connections open. Judged by CPU time per operation and by rate, which fall
 * and rise until then, from turn to turn.
 */

import type { Slice } from "../record.js";
import { median } from "../statistics.js";

/** Turns that are compared with as many before them. */
const COMPARED = 4;

/** Figures that differ by less have come to rest. */
const TOLERANCE = 0.05;

/** Whether the last turns are no better than those before them. One that the machine held up is neither here nor there. */
export function isSteady(turns: readonly Slice[]): boolean {
  const last = turns.slice(-COMPARED);
  const before = turns.slice(-2 * COMPARED, -COMPARED);
  if (before.length < COMPARED || [...before, ...last].some(({ operations }) => operations === 0)) return false;
  const ratioOf = (figure: (turn: Slice) => number) => median(last.map(figure)) / median(before.map(figure));
  const cpuFell = 1 - ratioOf(({ cpuSeconds, operations }) => cpuSeconds / operations);
  const rateRose = ratioOf(({ operations, seconds }) => operations / seconds) - 1;
  return cpuFell < TOLERANCE && rateRose < TOLERANCE;
}

export const sumOf = (turns: readonly Slice[]): Slice => ({
  seconds: turns.reduce((sum, { seconds }) => sum + seconds, 0),
  operations: turns.reduce((sum, { operations }) => sum + operations, 0),
  cpuSeconds: turns.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0),
});
