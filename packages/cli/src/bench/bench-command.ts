/** `evertoken bench`: is one S3 client slower than another, and since when. */

import type { Command } from "commander";
import { addBisectCommand } from "./bisect-command.js";
import { addCompareCommand } from "./compare-command.js";
import { addHistoryCommand } from "./history-command.js";
import { addReportCommand } from "./report-command.js";
import { addRunCommand } from "./run-command.js";

export function addBenchCommand(program: Command, exit: (code: number) => void): void {
  const bench = program
    .command("bench")
    .description("measure S3 clients beside each other: does this upgrade cost write speed?")
    .addHelpText(
      "after",
      `
Candidates:
  sdk@3.700.0, sdk@latest      a release of @aws-sdk/client-s3, installed from npm into a cache
  sdk@latest+undici            the same on @smithy/undici-http-handler
  pool, pool+fast              createS3Pool of @evertoken/s3, without and with its fast lane
  ./my-client.mjs              a module of your own that exports open, run and close

Example:
  $ evertoken bench compare sdk@3.700.0 sdk@latest
  $ evertoken bench compare sdk@latest pool+fast --case put-4KiB get-1MiB --html report.html
  $ evertoken bench bisect --good 3.700.0 --bad latest`,
    );
  addCompareCommand(bench, exit);
  addRunCommand(bench, exit);
  addBisectCommand(bench, exit);
  addHistoryCommand(bench, exit);
  addReportCommand(bench, exit);
}
