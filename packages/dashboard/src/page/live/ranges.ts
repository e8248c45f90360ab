/** How far back the charts look, and how wide a bar of theirs then is. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

type RangeName = "15m" | "1h" | "6h" | "24h" | "7d";

export interface Range {
  readonly name: RangeName;
  readonly label: string;
  readonly lengthMs: number;
  readonly barMs: number;
}

export const RANGES: readonly Range[] = [
  { name: "15m", label: "15 min", lengthMs: 15 * MINUTE, barMs: 15 * SECOND },
  { name: "1h", label: "1 h", lengthMs: HOUR, barMs: MINUTE },
  { name: "6h", label: "6 h", lengthMs: 6 * HOUR, barMs: 5 * MINUTE },
  { name: "24h", label: "24 h", lengthMs: 24 * HOUR, barMs: 20 * MINUTE },
  { name: "7d", label: "7 days", lengthMs: 168 * HOUR, barMs: 2 * HOUR },
];

export function rangeNamed(name: string | undefined): Range | undefined {
  return RANGES.find((range) => range.name === name);
}

/** The shortest that shows everything of so long a time; a day at most, because a week shows no minute. */
export function rangeFor(elapsedMs: number): Range {
  const fitting = RANGES.find(({ lengthMs }) => lengthMs >= elapsedMs) ?? RANGES[3];
  const chosen = fitting?.name === "7d" ? RANGES[3] : fitting;
  if (chosen === undefined) throw new Error("there are no ranges");
  return chosen;
}
