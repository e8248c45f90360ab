/**
 * Other people's programs that some tests drive, untouched, as Debian packages them. In CI they must be there; elsewhere
 * a test whose program is missing is skipped and says so.
 */

import { spawnSync } from "node:child_process";

/** The suite runs on several versions of Node.js; other people's programs do not change between them. */
const testedAlready = process.env.EVERTOKEN_REAL_CLIENTS === "tested";

/** Whether to skip a test for want of `tool`. @param packages what to install. */
export function isMissing(packages: string, tool: string, ...args: string[]): boolean {
  if (testedAlready) return true;
  const missing = spawnSync(tool, args).status !== 0;
  if (missing && process.env.CI === "true")
    throw new Error(`${tool} ${args.join(" ")} does not run, and in CI it must`);
  if (missing) console.warn(`SKIPPED: ${tool} ${args.join(" ")} does not run here; install ${packages}`);
  return missing;
}
