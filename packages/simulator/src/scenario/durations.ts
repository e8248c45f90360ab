/** Lengths of time as people write them: `90s`, `15min`, `6h`, `1h30min`, `2d`. */

import * as v from "valibot";

const UNITS_MS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 } as const;

const PART = "\\d+(?:\\.\\d+)?(?:ms|s|min|h|d)";

const WHOLE = new RegExp(`^(?:${PART})+$`);

const expected = (issue: { input: unknown }) =>
  `is ${JSON.stringify(issue.input)}: expected a length of time, such as 90s, 15min, 6h, 1h30min or 2d`;

/** Milliseconds from such a text; 0 may stand without a unit. */
export const duration = v.pipe(
  v.custom<string | 0>((value) => value === 0 || (typeof value === "string" && WHOLE.test(value)), expected),
  v.transform((text) => (text === 0 ? 0 : durationMs(text))),
);

/** @param text of one or more numbers with units; checked before. */
export function durationMs(text: string): number {
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(\d+(?:\.\d+)?)([a-z]+)/g)) {
    total += Number(number) * UNITS_MS[unit as keyof typeof UNITS_MS];
  }
  return total;
}

/** As short as it can be written: `1h30min`. */
export function written(ms: number): string {
  let left = Math.round(ms / 1000);
  let text = "";
  for (const [unit, seconds] of [
    ["h", 3600],
    ["min", 60],
    ["s", 1],
  ] as const) {
    const whole = Math.floor(left / seconds);
    if (whole > 0) text += `${whole}${unit}`;
    left -= whole * seconds;
  }
  return text === "" ? "0s" : text;
}
