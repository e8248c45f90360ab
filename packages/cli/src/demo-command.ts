/** `evertoken demo`: options in, exit code out. */

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InvalidInputError } from "@evertoken/core";
import { assertReportable, reportOf } from "@evertoken/dashboard";
import type { Command } from "commander";
import { decimal, EXIT, untilInterrupted, wholeNumber } from "./command.js";
import { runDemo, stockSdkVersion } from "./demo/demo.js";
import { isUnharmed, summary, writeWhole } from "./demo/report.js";

interface Options {
  readonly clients: number;
  readonly hours: number;
  readonly seed: number;
  readonly fastLane: boolean;
  readonly page: boolean;
  readonly json?: string;
  readonly html?: string;
}

export function addDemoCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("demo")
    .description("let S3 clients live through a simulated day of failures, beside the stock SDK")
    .option("--clients <count>", "clients in each lane", wholeNumber(1, 1000), 100)
    .option("--hours <hours>", "how long to simulate (24 hours take about 75 s)", decimal(0.5, 240), 24)
    .option("--seed <number>", "repeats a run: same seed, same credentials, load and data", wholeNumber(0, 2 ** 31), 7)
    .option(
      "--no-fast-lane",
      "send the pooled clients' requests the SDK's way, as createS3Pool({ fastLane: false }) does",
    )
    .option("--no-page", "no page to watch it on")
    .option("--json <file>", "also write the figures to this file")
    .option("--html <file>", "also write what the page showed to this file, which needs nothing else")
    .addHelpText(
      "after",
      `
Runs on an embedded simulator of IMDSv2 and S3 on loopback: no AWS account, no network. The address of a page that shows
both lanes live is printed first.

Example:
  $ evertoken demo --clients 100 --hours 24 --seed 7 --json demo.json --html demo.html

Exit codes: 0 the evertoken lane surfaced no expired token, failed nothing and lost nothing;
            1 it did; 2 bad usage; 130 interrupted.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted((signal) => demo(options, signal))));
}

async function demo({ json, html, ...options }: Options, signal: AbortSignal): Promise<number> {
  if (json !== undefined) await assertWritable("--json", json);
  if (html !== undefined) {
    await assertWritable("--html", html);
    assertReportable();
  }
  const recorded = html !== undefined;
  const outcome = await runDemo({ ...options, recorded, output: process.stdout, signal });
  const { report, seconds, errors, record } = outcome;
  if (json !== undefined) await writeWhole(json, `${JSON.stringify(report, null, 2)}\n`);
  if (html !== undefined && record !== undefined) await writeWhole(html, reportOf(record));
  process.stdout.write(`\n${summary(report, stockSdkVersion(), seconds)}\n`);
  const unharmed = isUnharmed(report.lanes.evertoken);
  if (!unharmed) {
    for (const { message, times } of errors.evertoken) process.stderr.write(`evertoken lane, ${times} ×: ${message}\n`);
  }
  return unharmed ? EXIT.ok : EXIT.failed;
}

/** Better told now than after a day. */
async function assertWritable(field: string, path: string): Promise<void> {
  const folder = dirname(resolve(path));
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new InvalidInputError("evertoken demo", [{ field, message: `cannot be written: ${folder}` }], {
      cause: error,
    });
  }
}
