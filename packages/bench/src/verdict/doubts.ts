/** What stands against believing the figures of a case, and how much: some doubts are told beside a verdict, others refuse it. */

import type { BenchRecord, CaseSettings, Measurement } from "../record.js";

export interface Doubts {
  /** Why no verdict is given, whatever the figures say. */
  readonly refused: readonly string[];
  /** Why the verdict deserves less trust than its interval suggests. */
  readonly weakened: readonly string[];
}

/** Below this an interval is wider than any margin that somebody would ask for, and its shape a guess. */
export const FEWEST_ROUNDS = 5;
/** With arrivals at a fixed rate: a client that answers fewer is overrun, and its latencies grow for as long as one looks. */
const KEPT_UP = 0.98;
/** Failed operations make a client look faster or slower by about their share: it must be small beside the margin. */
const SHARE_OF_MARGIN = 1 / 3;

interface Side {
  /** As it is called: the candidate's spec. */
  readonly name: string;
  readonly failure?: string | undefined;
  readonly measurements: readonly Measurement[];
}

export interface Evidence {
  readonly case: CaseSettings;
  readonly sides: readonly Side[];
  /** Complete ones. */
  readonly rounds: number;
  readonly margin: number;
  /** Figures that the verdict was to come from and that there are none of. */
  readonly missing: readonly string[];
}

export function doubtsOf({ case: of, sides, rounds, margin, missing }: Evidence, record: BenchRecord): Doubts {
  const refused: string[] = [];
  const weakened: string[] = [...record.warnings];
  for (const side of sides) {
    if (side.failure !== undefined) refused.push(`${side.name} takes no part: ${side.failure}`);
    else refused.push(...sideRefused(side, of, margin));
    weakened.push(...sideWeakened(side, of));
  }
  if (rounds < FEWEST_ROUNDS) {
    const planned = record.settings.rounds < FEWEST_ROUNDS ? "" : ` of ${record.settings.rounds}`;
    refused.push(`${rounds}${planned} rounds are complete: a verdict needs ${FEWEST_ROUNDS} or more`);
  } else if (rounds < record.settings.rounds) {
    weakened.push(`only ${rounds} of ${record.settings.rounds} rounds are complete`);
  }
  if (refused.length === 0 && missing.length > 0) {
    refused.push(`there are too few operations to speak of ${missing.join(", ")}: measure longer, or more rounds`);
  }
  return { refused, weakened };
}

function sideRefused({ name, measurements }: Side, { operation }: CaseSettings, margin: number): string[] {
  const idle = measurements.find(({ operations }) => operations === 0);
  if (idle !== undefined) return [`no operation of ${name} succeeded in round ${idle.round + 1}${namesOf([idle])}`];
  // Where credentials rotate, failures are what is measured.
  if (operation === "rotation") return [];
  const share = failedShare(measurements);
  if (share <= margin * SHARE_OF_MARGIN) return [];
  return [
    `${percent(share)} of ${name}'s operations failed${namesOf(measurements)}: its figures are those of the rest`,
  ];
}

function sideWeakened({ name, measurements }: Side, { arrivalsPerSecond }: CaseSettings): string[] {
  const weakened: string[] = [];
  if (arrivalsPerSecond !== undefined && measurements.length > 0) {
    const [operations, seconds] = [sum(measurements, "operations"), sum(measurements, "seconds")];
    const kept = operations / seconds / arrivalsPerSecond;
    if (kept < KEPT_UP) weakened.push(`${name} kept up with ${percent(kept)} of the arrivals: it was overrun`);
  }
  return weakened;
}

function failedShare(measurements: readonly Measurement[]): number {
  const failed = [...failuresOf(measurements).values()].reduce((all, count) => all + count, 0);
  return failed === 0 ? 0 : failed / (failed + sum(measurements, "operations"));
}

/** How many operations failed, by error name, the most frequent first. */
export function failuresOf(measurements: readonly Measurement[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { failures } of measurements) {
    for (const [name, count] of Object.entries(failures)) counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return new Map([...counts].filter(([, count]) => count > 0).sort(([, a], [, b]) => b - a));
}

/** ` (SlowDown 120, TimeoutError 3)`, or nothing. */
function namesOf(measurements: readonly Measurement[]): string {
  const names = [...failuresOf(measurements)].slice(0, 3).map(([name, count]) => `${name} ${count}`);
  return names.length === 0 ? "" : ` (${names.join(", ")})`;
}

const sum = (measurements: readonly Measurement[], field: "operations" | "seconds") =>
  measurements.reduce((all, one) => all + one[field], 0);

const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
