/** `evertoken simulate`: IMDSv2 and S3 on loopback until it is told to stop. */

import { FAULTS, type FaultName, type Simulator, startSimulator } from "@evertoken/simulator";
import { type Command, Option } from "commander";
import { decimal, EXIT, untilInterrupted, wholeNumber } from "./command.js";

interface Options {
  readonly imdsPort: number;
  readonly s3Port: number;
  readonly speed: number;
  readonly seed: number;
  readonly lifetime: number;
  readonly rotation: number;
  readonly fault: readonly FaultName[];
  readonly createBuckets: boolean;
  readonly data?: string;
  readonly json?: true;
}

const MINUTE_MS = 60_000;

export function addSimulateCommand(program: Command, exit: (code: number) => void): void {
  program
    .command("simulate")
    .description("run IMDSv2 and S3 on loopback, with credentials that really expire")
    .option("--imds-port <port>", "port of IMDS; 0: any free one", wholeNumber(0, 65_535), 1338)
    .option("--s3-port <port>", "port of S3; 0: any free one", wholeNumber(0, 65_535), 9911)
    .option("--speed <factor>", "simulated seconds per real one", decimal(0.001, 100_000), 1)
    .option("--lifetime <minutes>", "how long credentials live", decimal(0.05, 720), 360)
    .option("--rotation <minutes>", "how often IMDS hands out new ones", decimal(0.05, 720), 60)
    .addOption(
      new Option("--fault <name...>", "faults that are active from the start")
        .choices(Object.keys(FAULTS))
        .default([], "none"),
    )
    .option("--no-create-buckets", "answer NoSuchBucket instead of creating a bucket when it is first used")
    .option("--data <dir>", "keep the objects of S3 in this folder: no acknowledged write is lost (default: in memory)")
    .option("--seed <number>", "repeats identifiers and credentials", wholeNumber(0, 2 ** 31), 1)
    .option("--json", "print each request as a line of JSON")
    .addHelpText(
      "after",
      `
Example:
  $ evertoken simulate --lifetime 15 --rotation 5
  $ export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338 AWS_REGION=us-east-1
  $ aws --endpoint-url http://127.0.0.1:9911 s3 cp ./report.csv s3://reports/

Faults:
${faultList()}

Exit codes: 0 ended by Ctrl-C or SIGTERM; 1 failed, a port in use say; 2 bad usage.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted((signal) => simulate(options, signal))));
}

function faultList(): string {
  return Object.entries(FAULTS)
    .map(([name, { does }]) => `  ${name.padEnd(26)}${does}`)
    .join("\n");
}

async function simulate(options: Options, signal: AbortSignal): Promise<number> {
  const { imdsPort, s3Port, speed, seed, createBuckets } = options;
  const simulator = await startSimulator({
    imdsPort,
    s3Port,
    speed,
    seed,
    createBuckets,
    dataDir: options.data,
    credentialLifetimeMs: options.lifetime * MINUTE_MS,
    rotationIntervalMs: options.rotation * MINUTE_MS,
    timeline: options.fault.map((fault) => ({ fault, fromHours: 0 })),
  });
  try {
    announce(simulator, options);
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  } finally {
    await simulator.close();
  }
  return EXIT.ok;
}

function announce(simulator: Simulator, { json, fault }: Options): void {
  const { imdsUrl, s3Url } = simulator;
  if (json) {
    process.stdout.write(`${JSON.stringify({ imdsUrl, s3Url, environment: simulator.environment() })}\n`);
    simulator.journal.on("entry", (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`));
    return;
  }
  const exports = Object.entries(simulator.environment()).map(([name, value]) => `  export ${name}=${value}`);
  process.stdout.write(
    [
      `IMDSv2 at ${imdsUrl}`,
      `S3     at ${s3Url}`,
      ...(fault.length === 0 ? [] : [`faults: ${fault.join(", ")}`]),
      "",
      "Point a client at it:",
      ...exports,
      "",
      "Ctrl-C ends it.",
      "",
    ].join("\n"),
  );
}
