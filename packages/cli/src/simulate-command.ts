/**
 * `evertoken simulate`: IMDS, container credentials, STS and S3 on loopback until it is told to stop, or a scenario is over.
 */

import { describeError, InvalidInputError, VirtualClock } from "@evertoken/core";
import {
  FAULTS,
  type FaultName,
  type PlannedInstanceEvent,
  type Simulator,
  startSimulator,
  type Verdict,
  type Via,
} from "@evertoken/simulator";
import { type Command, Option } from "commander";
import { decimal, EXIT, untilInterrupted, wholeNumber } from "./command.js";
import { inFlags } from "./flags.js";
import { simulatorPage } from "./simulate/page.js";
import { addScenariosCommand } from "./simulate/scenarios-command.js";
import { addWhyCommand } from "./simulate/why-command.js";
import { EVENT_HELP, instanceEvent } from "./simulate-events.js";

interface Options {
  readonly imdsPort: number;
  readonly s3Port: number;
  readonly stsPort: number;
  readonly containerPort: number;
  readonly adminPort?: number;
  readonly ipv6?: true;
  readonly linkLocal?: true;
  readonly region?: string;
  readonly role?: string | false;
  readonly instance?: string;
  readonly event: readonly PlannedInstanceEvent[];
  readonly imdsv1?: true;
  readonly tags?: true;
  readonly extended: boolean;
  readonly hopLimit: number;
  readonly hops: number;
  readonly packets?: number;
  readonly via?: Via;
  readonly speed?: number;
  readonly clock?: "manual";
  readonly seed?: number;
  readonly lifetime?: number;
  readonly rotation?: number;
  readonly fault: readonly FaultName[];
  readonly scenario?: string;
  readonly journal?: string;
  readonly createBuckets: boolean;
  readonly data?: string;
  readonly json?: true;
}

const MINUTE_MS = 60_000;

const WORDING = {
  of: ["startSimulator options", "environment"],
  flags: {
    dataDir: "--data",
    journalFile: "--journal",
    instanceFile: "--instance",
    instanceEvents: "--event",
    roleName: "--role",
    ipv6: "--via",
    timeline: "--fault",
    credentialLifetimeMs: "--lifetime",
    rotationIntervalMs: "--rotation",
  },
};

export function addSimulateCommand(program: Command, exit: (code: number) => void): void {
  const simulateCommand = program
    .command("simulate")
    .description("run IMDS, container credentials, STS and S3 on loopback, with credentials that really expire")
    .option("--imds-port <port>", "port of IMDS; 0: any free one", wholeNumber(0, 65_535), 1338)
    .option("--s3-port <port>", "port of S3; 0: any free one", wholeNumber(0, 65_535), 9911)
    .option("--sts-port <port>", "port of STS; 0: any free one", wholeNumber(0, 65_535), 0)
    .option("--container-port <port>", "port of the container credentials; 0: any free one", wholeNumber(0, 65_535), 0)
    .option(
      "--admin-port <port>",
      "port of the admin API; 0: any free one (default: the next after that of IMDS)",
      wholeNumber(0, 65_535),
    )
    .option("--ipv6", "IMDS listens on [::1] as well")
    .option(
      "--link-local",
      "also at 169.254.169.254 and 169.254.170.2, if those are addresses of the loopback interface",
    )
    .addOption(
      new Option(
        "--via <way>",
        "how clients come to credentials, in the variables that are printed (default: imds, or what the scenario says)",
      ).choices(["imds", "imds-ipv6", "ecs", "eks", "web-identity"]),
    )
    .option("--region <name>", "the instance's region (default: us-east-1)")
    .option("--role <name>", "the role that is attached to the instance (default: evertoken-role)")
    .option("--no-role", "no role is attached: IMDS has no credentials")
    .option("--instance <file>", "YAML or JSON that says what the instance is; read again on SIGHUP")
    .addOption(
      new Option("--event <event@minutes>", "what happens to the instance, and when; may be given again")
        .argParser(instanceEvent)
        .default([], "none"),
    )
    .option("--imdsv1", "answer requests without a session token too")
    .option("--tags", "IMDS tells the instance's tags")
    .option("--no-extended", "no path that tells the account with the credentials")
    .option("--hop-limit <hops>", "how far the answer to a session-token request goes", wholeNumber(1, 64), 1)
    .option("--hops <hops>", "how far away clients are: 2 in a container on a bridge", wholeNumber(1, 64), 1)
    .option("--packets <number>", "packets a second beyond which IMDS is not reached; EC2: 1024", wholeNumber(1, 1e6))
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
    .option("--data <dir>", "keep the objects of S3 in this folder: no acknowledged write is lost (default: in memory)")
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

Events:
${EVENT_HELP}

Faults:
${faultList()}

Exit codes: 0 ended by Ctrl-C or SIGTERM, or a scenario that went as expected; 1 failed, a port in use say, or a scenario
that did not; 2 bad usage; 130 a scenario that was ended by Ctrl-C or SIGTERM before it was over.`,
    )
    .action(async (options: Options, command: Command) => {
      exit(await untilInterrupted((signal) => simulate(options, signal), inFlags(command, WORDING)));
    });
  addScenariosCommand(simulateCommand, exit);
  addWhyCommand(simulateCommand, exit);
}

function faultList(): string {
  return Object.entries(FAULTS)
    .map(([name, { does }]) => `  ${name.padEnd(27)}${does}`)
    .join("\n");
}

async function simulate(options: Options, signal: AbortSignal): Promise<number> {
  const { imdsPort, s3Port, stsPort, containerPort, region, hops, speed, seed, createBuckets } = options;
  if (options.clock !== undefined && speed !== undefined) {
    const message = "is given together with --clock manual: expected one of the two";
    throw new InvalidInputError("evertoken simulate", [{ field: "--speed", message }]);
  }
  assertRotation(options);
  const isSpot = options.instance === undefined && options.event.some(({ event }) => event === "spot-interruption");
  const simulator = await startSimulator({
    imdsPort,
    s3Port,
    stsPort,
    containerPort,
    adminPort: options.adminPort ?? (imdsPort === 0 ? 0 : imdsPort + 1),
    page: simulatorPage,
    ipv6: options.ipv6 ?? options.via === "imds-ipv6",
    linkLocal: options.linkLocal,
    region,
    hops,
    speed,
    // Whoever asks is another program, whose time-outs are real.
    ...(options.clock === "manual" ? { clock: new VirtualClock({ realNetwork: true }) } : {}),
    seed,
    createBuckets,
    dataDir: options.data,
    roleName: options.role === false ? null : options.role,
    instance: isSpot ? { lifeCycle: "spot" } : undefined,
    instanceFile: options.instance,
    instanceEvents: options.event,
    extendedCredentials: options.extended,
    metadataOptions: {
      httpTokens: options.imdsv1 ? "optional" : "required",
      httpPutResponseHopLimit: options.hopLimit,
      instanceMetadataTags: options.tags ? "enabled" : "disabled",
    },
    imdsLimits: { packetsPerSecond: options.packets },
    scenario: options.scenario,
    journalFile: options.journal,
    credentialLifetimeMs: inMilliseconds(options.lifetime),
    rotationIntervalMs: inMilliseconds(options.rotation),
    timeline: options.fault.map((fault) => ({ fault, fromHours: 0 })),
  });
  const reload = () => void reloadInstance(simulator, options.instance);
  process.on("SIGHUP", reload);
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
    process.off("SIGHUP", reload);
    await simulator.close();
  }
}

/** Said here, where both are minutes; a scenario may have another lifetime. */
function assertRotation({ rotation = 0, scenario, lifetime = scenario === undefined ? 360 : rotation }: Options): void {
  if (rotation <= lifetime) return;
  const message = `is ${rotation}: expected at most --lifetime (${lifetime} minutes), or there would be times without valid credentials`;
  throw new InvalidInputError("evertoken simulate", [{ field: "--rotation", message }]);
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

/** What is wrong with the file is said, and the instance stays what it was. */
async function reloadInstance(simulator: Simulator, file: string | undefined): Promise<void> {
  try {
    await simulator.instance.load(file);
  } catch (error) {
    process.stderr.write(`evertoken: ${describeError(error)}\n`);
  }
}

function announce(simulator: Simulator, { json, fault, via }: Options): void {
  const { imdsUrl, imdsIpv6Url, s3Url, stsUrl, containerUrl, adminUrl, scenario } = simulator;
  const environment = simulator.environment({ via });
  if (json) {
    const urls = { imdsUrl, imdsIpv6Url, s3Url, stsUrl, containerUrl, adminUrl };
    process.stdout.write(`${JSON.stringify({ ...urls, environment })}\n`);
    simulator.journal.on("entry", (entry) => process.stdout.write(`${JSON.stringify(entry)}\n`));
    return;
  }
  const exports = Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`);
  process.stdout.write(
    [
      `IMDS       at ${imdsUrl}${imdsIpv6Url === undefined ? "" : ` and ${imdsIpv6Url}`}`,
      `containers at ${containerUrl}`,
      `STS        at ${stsUrl}`,
      `S3         at ${s3Url}`,
      `admin      at ${adminUrl}`,
      `page       at ${adminUrl}`,
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
