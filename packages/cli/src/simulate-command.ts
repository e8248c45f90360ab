/** `evertoken simulate`: IMDSv2 and S3 on loopback until it is told to stop, or a scenario is over. */

import { InvalidInputError, VirtualClock } from "@evertoken/core";
import { FAULTS, type FaultName, type Simulator, startSimulator, type Verdict } from "@evertoken/simulator";
import { type Command, Option } from "commander";
import { decimal, EXIT, untilInterrupted, wholeNumber } from "./command.js";
import { addScenariosCommand } from "./simulate/scenarios-command.js";
import { addWhyCommand } from "./simulate/why-command.js";

interface Options {
  readonly imdsPort: number;
  readonly s3Port: number;
  readonly adminPort?: number;
  readonly speed?: number;
  readonly clock?: "manual";
  readonly seed?: number;
  readonly lifetime?: number;
  readonly rotation?: number;
  readonly fault: readonly FaultName[];
  readonly scenario?: string;
  readonly journal?: string;
  readonly createBuckets: boolean;
  readonly json?: true;
}

const MINUTE_MS = 60_000;

export function addSimulateCommand(program: Command, exit: (code: number) => void): void {
  const simulateCommand = program
    .command("simulate")
    .description("run IMDSv2 and S3 on loopback, with credentials that really expire")
    .option("--imds-port <port>", "port of IMDS; 0: any free one", wholeNumber(0, 65_535), 1338)
    .option("--s3-port <port>", "port of S3; 0: any free one", wholeNumber(0, 65_535), 9911)
    .option(
      "--admin-port <port>",
      "port of the admin API; 0: any free one (default: the next after that of IMDS)",
      wholeNumber(0, 65_535),
    )
    .option("--speed <factor>", "simulated seconds per real one (default: 1)", decimal(0.001, 100_000))
    .addOption(new Option("--clock <how>", "manual: time stands until the admin API advances it").choices(["manual"]))
    .option("--lifetime <minutes>", "how long credentials live (default: 360)", decimal(0.05, 720))
    .option("--rotation <minutes>", "how often IMDS hands out new ones (default: 60)", decimal(0.05, 720))
    .addOption(
      new Option("--fault <name...>", "faults that are active from the start")
        .choices(Object.keys(FAULTS))
        .default([], "none"),
    )
    .option("--scenario <name>", "play a scenario, and judge in the end: a name (see simulate scenarios), or a file")
    .option("--journal <file>", "write each request and event into a file, a line of JSON each")
    .option("--no-create-buckets", "answer NoSuchBucket instead of creating a bucket when it is first used")
    .option("--seed <number>", "repeats identifiers and credentials (default: 1)", wholeNumber(0, 2 ** 31))
    .option("--json", "print each request as a line of JSON")
    .addHelpText(
      "after",
      `
Example:
  $ evertoken simulate --lifetime 15 --rotation 5
  $ export AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338 AWS_REGION=us-east-1
  $ aws --endpoint-url http://127.0.0.1:9911 s3 cp ./report.csv s3://reports/
  $ curl -X POST http://127.0.0.1:1339/faults -d '{"fault":"credentials-revoked"}'

Faults:
${faultList()}

Exit codes: 0 ended by Ctrl-C or SIGTERM, or a scenario that went as expected; 1 failed, a port in use say, or a scenario
that did not; 2 bad usage; 130 a scenario that was ended by Ctrl-C or SIGTERM before it was over.`,
    )
    .action(async (options: Options) => exit(await untilInterrupted((signal) => simulate(options, signal))));
  addScenariosCommand(simulateCommand, exit);
  addWhyCommand(simulateCommand, exit);
}

function faultList(): string {
  return Object.entries(FAULTS)
    .map(([name, { does }]) => `  ${name.padEnd(27)}${does}`)
    .join("\n");
}

async function simulate(options: Options, signal: AbortSignal): Promise<number> {
  const { imdsPort, s3Port, speed, seed, createBuckets, scenario, journal: journalFile } = options;
  if (options.clock !== undefined && speed !== undefined) {
    const message = "is given together with --clock manual: expected one of the two";
    throw new InvalidInputError("evertoken simulate", [{ field: "--speed", message }]);
  }
  const simulator = await startSimulator({
    imdsPort,
    s3Port,
    adminPort: options.adminPort ?? (imdsPort === 0 ? 0 : imdsPort + 1),
    speed,
    // Whoever asks is another program, whose time-outs are real.
    ...(options.clock === "manual" ? { clock: new VirtualClock({ realNetwork: true }) } : {}),
    seed,
    createBuckets,
    scenario,
    journalFile,
    credentialLifetimeMs: inMilliseconds(options.lifetime),
    rotationIntervalMs: inMilliseconds(options.rotation),
    timeline: options.fault.map((fault) => ({ fault, fromHours: 0 })),
  });
  try {
    announce(simulator, options);
    const interrupted = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    if (simulator.scenario === undefined) {
      await interrupted;
      return EXIT.ok;
    }
    const verdict = await Promise.race([simulator.scenario.finished, interrupted]);
    if (verdict === undefined) return EXIT.interrupted;
    tell(verdict, options);
    return verdict.passed ? EXIT.ok : EXIT.failed;
  } finally {
    await simulator.close();
  }
}

function inMilliseconds(minutes: number | undefined): number | undefined {
  return minutes === undefined ? undefined : minutes * MINUTE_MS;
}

function tell(verdict: Verdict, { json, scenario }: Options): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ scenario, ...verdict })}\n`);
    return;
  }
  const lines = verdict.expectations.map(({ text, problem }) =>
    problem === undefined ? `  as expected  ${text}` : `  NOT SO       ${text}: ${problem}`,
  );
  process.stdout.write(`${[`${scenario} is over:`, ...lines, ""].join("\n")}`);
}

function announce(simulator: Simulator, { json, fault }: Options): void {
  const { imdsUrl, s3Url, adminUrl, scenario } = simulator;
  if (json) {
    process.stdout.write(`${JSON.stringify({ imdsUrl, s3Url, adminUrl, environment: simulator.environment() })}\n`);
    simulator.journal.on("entry", (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`));
    return;
  }
  const exports = Object.entries(simulator.environment()).map(([name, value]) => `  export ${name}=${value}`);
  process.stdout.write(
    [
      `IMDSv2 at ${imdsUrl}`,
      `S3     at ${s3Url}`,
      `admin  at ${adminUrl}`,
      ...(scenario === undefined ? [] : [`scenario: ${scenario.scenario.title}`]),
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
