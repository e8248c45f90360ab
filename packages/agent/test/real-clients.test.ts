/**
 * Real clients, untouched, through simulated days with an IMDS that fails: straight at it, and behind the agent. The whole table is
 * `npm run measure:clients`; these are the faults after which most of them go wrong.
 */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { isMissing } from "../../../tools/real-tool.js";

const MEASURE = new URL("../measure/clients.mjs", import.meta.url).pathname;

interface Lived {
  readonly program: string;
  readonly way: "straight" | "container" | "imds";
  readonly asked: number;
  readonly failed: number;
  readonly expired: number;
  readonly errors: Readonly<Record<string, number>>;
}

/** In the order in which they come: what a client makes of one it takes into the next. */
const FAULTS = ["imds-down", "credentials-expired"];

const CLIENTS = "awscli, python3-boto3, rclone, restic, golang-go, golang-github-aws-aws-sdk-go-v2-dev, qemu-user";

describe("clients that live for days while IMDS fails", { timeout: 240_000 }, () => {
  it.skipIf(isMissing(`faketime, ${CLIENTS}`, "faketime", "--version"))(
    "see no expired token behind the agent, and lose no request, where they do straight at IMDS",
    async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        MEASURE,
        "--faults",
        FAULTS.join(","),
        "--step",
        "45",
        "--json",
      ]);

      const { missing, results } = JSON.parse(stdout) as { missing: string[]; results: Lived[] };
      if (missing.length > 0) console.warn(`SKIPPED: those that need ${missing.join(", ")}`);
      if (process.env.CI === "true") expect(missing).toEqual([]);
      const straight = results.filter(({ way }) => way === "straight");
      const behind = results.filter(({ way }) => way !== "straight");
      for (const { program, way, asked, failed, expired, errors } of behind) {
        expect.soft({ failed, expired, errors }, `${program} by ${way}`).toEqual({ failed: 0, expired: 0, errors: {} });
        expect.soft(asked, `${program} by ${way}`).toBeGreaterThan(5);
      }
      expect(straight.some(({ expired }) => expired > 0)).toBe(true);
      for (const { program, failed } of straight) expect.soft(failed, program).toBeGreaterThan(0);
    },
  );
});
