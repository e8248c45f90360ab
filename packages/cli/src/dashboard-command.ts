/** `evertoken dashboard`: the page in front of a Prometheus, for all hosts of a fleet. */

import { createDashboard, createFleet, serveDashboard } from "@evertoken/dashboard";
import type { Command } from "commander";
import { EXIT, untilInterrupted, wholeNumber } from "./command.js";
import { inFlags } from "./flags.js";

interface Options {
  readonly prometheus: string;
  readonly authorizationFile?: string;
  readonly port: number;
}

export function addDashboardCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("dashboard")
    .description("show a fleet by its figures in Prometheus, or in what speaks its API: Thanos, Mimir, VictoriaMetrics")
    .requiredOption(
      "--prometheus <url>",
      "where its API is, without /api/v1: http://prometheus:9090, https://mimir/prometheus",
    )
    .option("--authorization-file <file>", "a file with the value of its Authorization header, Bearer … or Basic …")
    .option("--port <port>", "port of the page, on this host only; 0: any free one", wholeNumber(0, 65_535), 9823)
    .addHelpText(
      "after",
      `
A single host needs none of this: evertoken agent shows its page on its admin port, http://127.0.0.1:9822.

Example:
  $ evertoken dashboard --prometheus http://prometheus:9090

Exit codes: 0 ended by Ctrl-C or SIGTERM; 1 failed, a port in use say; 2 bad usage.`,
    )
    .action(async (options: Options, command: Command) => {
      const retell = inFlags(command, { of: ["createFleet options"], flags: { prometheusUrl: "--prometheus" } });
      exit(await untilInterrupted((signal) => serve(options, signal), retell));
    });
}

async function serve({ prometheus, authorizationFile, port }: Options, signal: AbortSignal): Promise<number> {
  const fleet = createFleet({ prometheusUrl: prometheus, authorizationFile });
  const served = await serveDashboard(createDashboard({ fleet }), { port });
  try {
    process.stdout.write(`the fleet of ${fleet.url} is at ${served.url}\nCtrl-C ends it.\n`);
    if (!signal.aborted) {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    }
  } finally {
    await served.close();
  }
  return EXIT.ok;
}
