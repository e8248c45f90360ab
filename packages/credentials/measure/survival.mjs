// How long is an IMDS outage survived? For random moments within half a day: a simulated instance runs calmly up to that
// moment, IMDS goes down, and each simulated minute a request asks for credentials, until those it gets are ones that S3
// refuses, or until it gets none. Rotation about hourly, validity six hours, as on EC2 (botocore #2670).
//
//     npm run measure:survival            1,000 outages for each signer
//     node packages/credentials/measure/survival.mjs 50 --json

import { spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import { S3Client } from "@aws-sdk/client-s3";
import { seededRandom, systemClock, VirtualClock } from "@evertoken/core";
import { createKeeper, fromImds } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";
import { followClock, startSimulator } from "@evertoken/simulator";

const MINUTE_MS = 60_000;
const LONGEST_CALM_MS = 12 * 60 * MINUTE_MS;

/** Real time that an answer from loopback may take. Whoever pauses between attempts stays busy until the clock moves on. */
const ANSWER_MS = 5;

const SEED = 7;

/** How often it is noted what IMDS hands out: more often than it rotates. */
const NOTE_EVERY_MS = 15 * MINUTE_MS;

/** Debian's botocore, where it is installed (python3-boto3). */
const PYTHON = "/usr/bin/python3";
const hasBotocore = spawnSync(PYTHON, ["-c", "import botocore"]).status === 0;

/** A signer tells the access key id that a request of now would be signed with; undefined when it gets none. */
const SIGNERS = {
  "Evertoken's Keeper": (simulator, clock) => {
    const imds = fromImds({ endpoint: simulator.imdsUrl, clock });
    let busy = 0;
    const load = async (request) => {
      busy += 1;
      return imds.load(request).finally(() => {
        busy -= 1;
      });
    };
    const keeper = createKeeper({ source: { name: imds.name, watchable: imds.watchable, load }, clock });
    return {
      accessKeyId: async () => (await keeper.provider()).accessKeyId,
      isBusy: () => busy > 0,
      close: () => {
        keeper.close();
        imds.close();
      },
    };
  },
  "AWS SDK for JavaScript": (simulator) => {
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
    const client = new S3Client({ region: "us-east-1" });
    return {
      accessKeyId: async () => (await client.config.credentials().catch(() => undefined))?.accessKeyId,
      isBusy: () => false,
      close: () => client.destroy(),
    };
  },
  ...(hasBotocore ? { botocore: botocoreSigner() } : {}),
};

/** botocore lives in a process of its own, one for all outages. */
function botocoreSigner() {
  let child;
  let answers;
  return (simulator, clock) => {
    child ??= spawn(PYTHON, [new URL("./botocore_signer.py", import.meta.url).pathname], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    answers ??= createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    // It ends with this process's end of the pipe and must not hold it up.
    child.unref();
    child.stdin.unref?.();
    child.stdin.write(`reset ${simulator.imdsUrl}\n`);
    return {
      accessKeyId: async () => {
        child.stdin.write(`${clock.now() / 1000}\n`);
        const { value } = await answers.next();
        return value === "none" ? undefined : value;
      },
      isBusy: () => false,
      close: () => {},
    };
  };
}

async function survivedMs(createSigner, seed, calmMs) {
  const clock = new VirtualClock();
  const restoreDate = followClock(clock);
  const simulator = await startSimulator({ clock, seed });
  const signer = createSigner(simulator, clock);
  // The truth about each access key id, as IMDS tells it: some SDKs put off the end of what they hold.
  const expiresAt = new Map();
  const imds = createImdsClient({ endpoint: simulator.imdsUrl, clock });
  const note = async () => {
    const { accessKeyId, expiration } = await imds.credentials();
    expiresAt.set(accessKeyId, expiration.getTime());
  };
  // A stretch of the instance's life, with one request in it.
  const live = async (ms) => {
    // Asked before the clock moves: near the end a caller waits a moment, which only passes with the clock.
    const asked = signer.accessKeyId();
    await clock.advance(ms);
    const patientUntil = systemClock.monotonic() + ANSWER_MS;
    while (signer.isBusy() && systemClock.monotonic() < patientUntil) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return asked;
  };
  try {
    await note();
    await signer.accessKeyId();
    for (let lived = 0; lived < calmMs; lived += MINUTE_MS) {
      if (lived % NOTE_EVERY_MS === 0) await note();
      await live(Math.min(MINUTE_MS, calmMs - lived));
    }
    await note();
    simulator.fault("imds-down");
    const outageBegan = clock.now();
    for (;;) {
      const before = clock.now();
      const accessKeyId = await live(MINUTE_MS);
      if (accessKeyId === undefined) return before - outageBegan;
      const end = expiresAt.get(accessKeyId);
      if (end === undefined) throw new Error(`IMDS never handed out ${accessKeyId}`);
      if (end <= clock.now()) return Math.max(0, end - outageBegan);
    }
  } finally {
    signer.close();
    imds.close();
    await simulator.close();
    restoreDate();
  }
}

const starts = Number(process.argv[2] ?? 1000);
const asJson = process.argv.includes("--json");
// The outages are the same for each signer; nobody's own configuration takes part.
for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
Object.assign(process.env, { AWS_CONFIG_FILE: "/dev/null/none", AWS_SHARED_CREDENTIALS_FILE: "/dev/null/none" });
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";

const results = [];
for (const [name, createSigner] of Object.entries(SIGNERS)) {
  const random = seededRandom(SEED);
  const minutes = [];
  for (let start = 0; start < starts; start++) {
    minutes.push((await survivedMs(createSigner, start, random() * LONGEST_CALM_MS)) / MINUTE_MS);
  }
  minutes.sort((a, b) => a - b);
  const at = (quantile) => Math.floor(minutes[Math.floor(quantile * (minutes.length - 1))]);
  results.push({ name, outages: starts, worstMinutes: at(0), p1Minutes: at(0.01), medianMinutes: at(0.5) });
}

if (!hasBotocore) console.error("botocore is left out: python3-boto3 is not installed");

if (asJson) console.log(JSON.stringify(results));
else {
  const clockFace = (minutes) => `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  console.log("| signer | outages | survived at the worst | worst of a hundred | median |");
  console.log("|---|---|---|---|---|");
  for (const { name, outages, worstMinutes, p1Minutes, medianMinutes } of results) {
    console.log(`| ${[name, outages, ...[worstMinutes, p1Minutes, medianMinutes].map(clockFace)].join(" | ")} |`);
  }
}

// The botocore process waits for more.
process.exit(0);
