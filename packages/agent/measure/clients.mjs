// Real clients through days of rotations and every fault of IMDS, one after the other, all on one simulated instance: each of
// them straight at IMDS, and behind the agent by both of its ways. Whether a client met an expired token is what S3 says.
//
//     npm run measure:clients                                       all faults, eight hours each
//     node packages/agent/measure/clients.mjs --faults imds-down,imds-error --step 60 --json
//
//     node packages/agent/measure/clients.mjs --client boto3         those whose name has it
//
// In a network namespace of its own, where 169.254.169.254 is the simulator's: restic asks for IMDS there and nowhere else.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startAgent } from "@evertoken/agent";
import { environmentFor, readAgentFile } from "@evertoken/agent/client";
import { VirtualClock } from "@evertoken/core";
import { fromImds } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";
import { FAULTS, startSimulator } from "@evertoken/simulator";
import { inSimulatedTime, NEEDED, NO_ANSWER, programs } from "./clients/programs.mjs";

const MINUTE_MS = 60_000;

/** What concerns IMDS and what it hands out. Credentials that end before their end are the service's doing: see docs/agent.md. */
const IMDS_FAULTS = Object.entries(FAULTS)
  .filter(
    ([name, { services }]) =>
      services?.includes("imds") || /^(imds-refused|session-tokens-forgotten|credentials-stuck)$/.test(name),
  )
  .map(([name]) => name);

/**
 * Credentials live for six hours, and a client gets some that are up to one hour old. What it got in the calm ends in the midst of the fault,
 * and what the agent holds, an hour at the most younger than any, does not.
 */
const CALM_MS = 270 * MINUTE_MS;
const LASTS_MS = 210 * MINUTE_MS;

/** How some faults are put, beside how they come. */
const AS = {
  // Whoever asks in these hours shall meet it.
  "imds-token-fails-once": { options: { count: 1000 } },
  // The latest that AWS promises is five minutes before the end of the old ones: so late, for the whole of their life.
  "credentials-rotated-late": { options: { seconds: 360 }, lastsMs: 480 * MINUTE_MS },
};

/** Near the end of what it holds the agent looks every minute, and has this long, in real time, for an answer. */
const LOOK_MS = MINUTE_MS;
const ANSWER_MS = 2;

/** Networks and processes of its own: nothing that it starts outlives it. */
const UNSHARE = ["--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];

/** A heavy program is asked only so often. */
const HEAVY_EVERY_MS = 120 * MINUTE_MS;

const { values: said } = parseArgs({
  options: {
    faults: { type: "string", default: IMDS_FAULTS.join(",") },
    client: { type: "string", default: "" },
    step: { type: "string", default: "30" },
    json: { type: "boolean", default: false },
  },
});
const faults = said.faults.split(",");
const stepMs = Number(said.step) * MINUTE_MS;

inNamespace();
const missing = Object.keys(NEEDED).filter((name) => !NEEDED[name]());
if (missing.length > 0) console.error(`not installed: ${missing.join(", ")}`);
if (missing.includes("faketime")) process.exit(1);
for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];

const folder = mkdtempSync(join(tmpdir(), "evertoken-measure-clients-"));
const rows = [];
process.on("exit", () => {
  for (const { children } of rows) end(children);
  rmSync(folder, { recursive: true, force: true });
});

const clock = new VirtualClock({ speed: 1 });
const timeFile = join(folder, "ahead");
const tellTime = () => writeFileSync(timeFile, `+${((clock.now() - Date.now()) / 1000).toFixed(3)}\n`);
tellTime();

const simulator = await startSimulator({ clock, linkLocal: isLinkLocalHere() });
const ofAgent = await simulator.openEndpoints("agent");
await startAgent({
  port: 0,
  imdsPort: 0,
  adminPort: 0,
  directory: join(folder, "agent"),
  logLevel: "silent",
  clock,
  source: fromImds({ endpoint: ofAgent.imdsUrl, clock }),
  imds: createImdsClient({ endpoint: ofAgent.imdsUrl, clock }),
});
const agentFile = await readAgentFile(join(folder, "agent"));

for (const [program, made] of Object.entries(programs(folder))) {
  if (!program.includes(said.client) || made.needs.some((need) => missing.includes(need))) continue;
  const { needs: _, ...how } = made;
  for (const way of ["straight", "container", "imds"]) {
    // There is one such address, and it is the simulator's.
    if (how.isLinkLocal && (way === "imds" || !isLinkLocalHere())) continue;
    rows.push(await client(program, way, how));
  }
}

async function client(
  program,
  way,
  { readsTokenFiles = false, isLinkLocal = false, isHeavy = false, needsSlash = false, open },
) {
  // Names of folders and buckets, too.
  const name = `${program} ${way}`.toLowerCase().replaceAll(/\W+/g, "-");
  const { imdsUrl, s3Url } = await simulator.openEndpoints(name);
  const cwd = join(folder, name);
  mkdirSync(cwd);
  const base = {
    PATH: process.env.PATH,
    HOME: cwd,
    AWS_REGION: "us-east-1",
    AWS_DEFAULT_REGION: "us-east-1",
    // botocore's second is short where a machine is as busy as here.
    AWS_METADATA_SERVICE_TIMEOUT: "5",
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    ...inSimulatedTime(timeFile),
  };
  const tokenInEnvironment = !readsTokenFiles;
  const env = {
    straight: async () => (isLinkLocal ? base : { ...base, AWS_EC2_METADATA_SERVICE_ENDPOINT: `${imdsUrl}/` }),
    container: () => environmentFor(agentFile, { tokenInEnvironment }, base),
    imds: async () => {
      const env = await environmentFor(agentFile, { via: "imds" }, base);
      // Debian's AWS CLI puts the path behind it as it is.
      return needsSlash ? { ...env, AWS_EC2_METADATA_SERVICE_ENDPOINT: `${agentFile.imds}/` } : env;
    },
  };
  const row = {
    program,
    way,
    isHeavy,
    asked: 0,
    failed: 0,
    silent: 0,
    expired: 0,
    written: 0,
    restarts: 0,
    children: new Set(),
    errors: {},
  };
  simulator.journal.on("entry", ({ client: label, service, operation, decision }) => {
    if (label !== name || service !== "s3") return;
    if (decision.startsWith("ExpiredToken")) row.expired += 1;
    if (operation === "PutObject" && decision === "ok") row.written += 1;
  });
  const world = { env: await env[way](), cwd, way, s3Url, children: row.children, written: () => row.written };
  row.start = () => {
    end(row.children);
    row.ask = open(world);
  };
  row.start();
  return row;
}

let askedHeavyAt = Number.NEGATIVE_INFINITY;

async function ask(row) {
  row.asked += 1;
  const outcome = await row.ask();
  row.silent = outcome === NO_ANSWER ? row.silent + 1 : 0;
  if (outcome === "ok") return;
  row.failed += 1;
  row.errors[outcome] = (row.errors[outcome] ?? 0) + 1;
}

/** Everybody asks; then time goes on. */
async function live(ms) {
  for (const end = clock.now() + ms; clock.now() < end; ) {
    const withHeavy = clock.now() - askedHeavyAt >= HEAVY_EVERY_MS;
    if (withHeavy) askedHeavyAt = clock.now();
    await Promise.all(rows.filter(({ isHeavy }) => withHeavy || !isHeavy).map(ask));
    for (let passed = 0; passed < stepMs; passed += LOOK_MS) {
      await clock.advance(LOOK_MS);
      tellTime();
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    }
  }
}

// One after the other: they take a while to start, and some never forget a first answer that came late.
for (const row of rows) await ask(row);

const startedAt = clock.now();
for (const fault of faults) {
  const { options, lastsMs = LASTS_MS } = AS[fault] ?? {};
  const before = rows.map(({ expired, failed }) => ({ expired, failed }));
  await live(CALM_MS / 2);
  // One that has not answered in all this calm waits for good: somebody restarts it.
  for (const row of rows.filter(({ silent }) => silent * stepMs > CALM_MS / 2)) {
    row.restarts += 1;
    row.silent = 0;
    row.start();
  }
  await live(CALM_MS / 2);
  const active = simulator.fault(fault, options);
  await live(lastsMs);
  active.end();
  const met = rows.flatMap(({ program, way, expired, failed }, index) => {
    const [tokens, requests] = [expired - before[index].expired, failed - before[index].failed];
    return tokens + requests === 0 ? [] : [`${program} ${way} ${tokens}/${requests}`];
  });
  console.error(`${fault}: expired tokens/failed requests ${met.join(", ") || "none"}`);
}
const days = (clock.now() - startedAt) / (24 * 60 * MINUTE_MS);
tell();
process.exit(0);

function end(children) {
  for (const child of children) child.kill("SIGKILL");
}

function tell() {
  const results = rows.map(({ program, way, asked, failed, expired, restarts, errors }) => ({
    program,
    way,
    asked,
    failed,
    expired,
    restarts,
    errors,
  }));
  if (said.json) {
    console.log(JSON.stringify({ days, faults, missing, results }));
    return;
  }
  if (process.env.CLIENTS_DEBUG) console.error(JSON.stringify(results, null, 1));
  console.log(`${days.toFixed(1)} simulated days, ${faults.length} faults\n`);
  console.log("| client | requests | straight at IMDS | container protocol | IMDS protocol |");
  console.log("|---|---|---|---|---|");
  for (const program of new Set(rows.map((row) => row.program))) {
    const of = (way) => results.find((row) => row.program === program && row.way === way);
    const cell = (row) =>
      row === undefined
        ? "–"
        : `${row.failed} failed, ${row.expired} × ExpiredToken${row.restarts === 0 ? "" : `, hung ${row.restarts} times`}`;
    console.log(
      `| ${[program, of("container").asked, ...["straight", "container", "imds"].map((way) => cell(of(way)))].join(" | ")} |`,
    );
  }
}

/** Starts over where 169.254.169.254 is an address of the loopback; where that is not permitted, goes on without. */
function inNamespace() {
  if (isLinkLocalHere() || process.env.MEASURE_CLIENTS_NAMESPACE) return;
  const addresses = ["169.254.169.254", "169.254.170.2"]
    .map((address) => `ip addr add ${address}/32 dev lo`)
    .join(" && ");
  const again = [process.execPath, ...process.argv.slice(1)];
  // What libfaketime leaves behind when its program is killed goes with the namespace.
  const inside = `mount -t tmpfs none /dev/shm && ip link set lo up && ${addresses} && exec "$@"`;
  if (spawnSync("unshare", [...UNSHARE, "sh", "-c", inside, "sh", "true"], { stdio: "ignore" }).status !== 0) return;
  const { status } = spawnSync("unshare", [...UNSHARE, "sh", "-c", inside, "sh", ...again], {
    stdio: "inherit",
    env: { ...process.env, MEASURE_CLIENTS_NAMESPACE: "1" },
  });
  process.exit(status ?? 1);
}

function isLinkLocalHere() {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "169.254.169.254"));
}
