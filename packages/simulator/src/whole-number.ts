/** The schema of a whole number within bounds, whose message names both. */

import * as v from "valibot";

export function whole(least: number, most: number) {
  const message = (issue: { input: unknown }) =>
    `is ${typeof issue.input === "string" ? JSON.stringify(issue.input) : String(issue.input)}: expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}
