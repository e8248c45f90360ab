/** How the values of a chart are spaced on its axis, and how they are told. */

import { roughLength, spokenLatency } from "../words/lengths.js";
import { shortCount } from "../words/numbers.js";

export interface Unit {
  readonly tell: (value: number) => string;
  /** On the axis. */
  readonly label: (value: number) => string;
  /** Distances that lines on the axis may have. */
  readonly steps: number[];
  readonly isLogarithmic: boolean;
}

const [SECOND, MINUTE, HOUR] = [1000, 60_000, 3_600_000];

const COUNT_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

const LENGTH_STEPS = [
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 4, 6, 12, 24, 48, 96, 240, 960].map((hours) => hours * HOUR),
];

export const UNITS = {
  count: { tell: shortCount, label: shortCount, steps: COUNT_STEPS, isLogarithmic: false },
  length: { tell: roughLength, label: roughLength, steps: LENGTH_STEPS, isLogarithmic: false },
  // A refresh may take three seconds where a request takes four milliseconds, and both matter.
  latency: { tell: spokenLatency, label: spokenLatency, steps: [], isLogarithmic: true },
} as const satisfies Record<string, Unit>;

export type UnitName = keyof typeof UNITS;

/** So that the highest bar does not touch the edge, and nothing at all is not a division by nothing. */
export function roomAbove(max: number | null): number {
  return max === null || !Number.isFinite(max) || max <= 0 ? 1 : max * 1.1;
}

const LEAST_LATENCY_MS = 1;

/** Whole powers of ten. */
export function latencyRange(min: number | null, max: number | null): [number, number] {
  const least =
    min === null || min <= 0 ? LEAST_LATENCY_MS : Math.min(LEAST_LATENCY_MS, 10 ** Math.floor(Math.log10(min)));
  const most = max === null || max <= 0 ? 1000 : 10 ** Math.ceil(Math.log10(max));
  return [least, Math.max(most, least * 100)];
}

export function powersOfTen(min: number, max: number): number[] {
  const first = Math.round(Math.log10(min));
  return Array.from({ length: Math.round(Math.log10(max)) - first + 1 }, (_, power) => 10 ** (first + power));
}
