// How fast the simulator is on one core, and whether its memory stays:
//   npm run measure:simulator -- [--requests 1000000] [--rounds 5] [--without-s3rver]
// What is measured has a core of its own (taskset), so has what asks it; everything it asks is written and signed beforehand.
// s3rver is fetched into .cache/s3rver, out of the workspace's way.
import { execFile, fork, spawn } from "node:child_process";
import { createHash, createHmac } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

const S3RVER = "s3rver@3.7.1";
/** The only key that it takes. */
const S3RVER_KEY = { id: "S3RVER", secret: "S3RVER" };
const CONNECTIONS = 32;
const BODY = "x".repeat(4096);
const KEYS = 2000;
const SECONDS = 4;

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
const root = here("../../..");
const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "1000000" },
    rounds: { type: "string", default: "5" },
    "without-s3rver": { type: "boolean", default: false },
  },
});
const [requests, rounds] = [Number(values.requests), Number(values.rounds)];

const load = pinned(1, "load.mjs");
const folder = mkdtempSync("/dev/shm/evertoken-measure-");
try {
  await measure();
} finally {
  load.disconnect();
  rmSync(folder, { recursive: true });
}

async function measure() {
  console.log(
    `Node.js ${process.version}, ${CONNECTIONS} connections, one core for what is measured, one for what asks`,
  );
  const simulator = pinned(0, "served.mjs", ["simulator"], ["--expose-gc"]);
  const urls = await answerOf(simulator);
  const other = values["without-s3rver"] ? undefined : await s3rver();
  const imds = { port: portOf(urls.imdsUrl), status: 200, ...(await imdsRequests(urls.imdsUrl)) };
  const s3 = { port: portOf(urls.s3Url), status: 200, requests: puts(urls.s3Url, imds.credential) };
  const against = other && { port: portOf(other.s3Url), status: 200, requests: puts(other.s3Url, S3RVER_KEY) };

  // Warm, and the journal's buckets there.
  for (const one of [imds, s3, against]) if (one !== undefined) await asked({ ...one, seconds: 3 });
  const figures = { imds: [], token: [], s3: [], against: [] };
  for (let round = 0; round < rounds; round++) {
    figures.imds.push(await costing(simulator, { ...imds, seconds: SECONDS }));
    figures.s3.push(await costing(simulator, { ...s3, seconds: SECONDS }));
    if (against !== undefined) figures.against.push(await costing(other.process, { ...against, seconds: SECONDS }));
  }
  // The last of them: it knows so many session tokens, and no more.
  for (let round = 0; round < rounds; round++) {
    figures.token.push(await costing(simulator, { ...imds, requests: [imds.grant], seconds: SECONDS }));
  }
  tell("IMDS: credentials", figures.imds);
  tell("IMDS: session token", figures.token);
  tell("S3: PUT 4 KiB", figures.s3);
  if (against !== undefined) {
    tell(`${S3RVER}: PUT 4 KiB`, figures.against);
    const ratios = figures.s3.map((one, round) => perSecond(one) / perSecond(figures.against[round]));
    console.log(`${"times s3rver".padEnd(24)} ${shown(ratios, 1)}`);
    other.process.kill();
  }
  await memory(simulator, { ...imds, ...(await imdsRequests(urls.imdsUrl)) }, s3);
  simulator.kill();
  await starts();
}

/** Half of the requests to IMDS, half to S3; the journal is full before the first figure. */
async function memory(simulator, imds, s3) {
  const steps = 5;
  const figures = [];
  for (let step = 0; step <= steps; step++) {
    simulator.send("memory");
    figures.push(await answerOf(simulator));
    if (step === steps) break;
    await asked({ ...imds, count: requests / 2 / steps });
    await asked({ ...s3, count: requests / 2 / steps });
  }
  const row = (name, field) =>
    console.log(`${name.padEnd(24)} ${figures.map((one) => String(Math.round(one[field]))).join(" → ")} MB`);
  console.log(`over ${requests} requests more, half of them to S3:`);
  row("  resident memory", "rssMb");
  row("  heap in use", "heapMb");
}

/** Processes of their own, one after the other. */
async function starts() {
  const [imported, started, command] = [[], [], []];
  for (let round = 0; round < 15; round++) {
    const child = pinned(0, "served.mjs", ["simulator"]);
    const { importMs, startMs } = await answerOf(child);
    imported.push(importMs);
    started.push(startMs);
    child.kill();
    command.push(await commandReady());
  }
  console.log(`${"startSimulator()".padEnd(24)} ${shown(started)} ms, after an import of ${shown(imported)} ms`);
  console.log(`${"evertoken simulate".padEnd(24)} ${shown(command)} ms from its start to its first line`);
}

async function commandReady() {
  const startedAt = performance.now();
  const ports = ["--imds-port", "0", "--s3-port", "0"];
  const main = `${root}packages/cli/dist/main.js`;
  const child = spawn("taskset", ["-c", "0", process.execPath, main, "simulate", ...ports]);
  for await (const _ of createInterface(child.stdout)) break;
  const ms = performance.now() - startedAt;
  child.kill();
  return ms;
}

function tell(name, rounds) {
  const busiest = Math.max(...rounds.map(({ busy }) => busy));
  const [p50, p99] = [rounds.map((one) => one.p50), rounds.map((one) => one.p99)];
  const cpu = shown(rounds.map((one) => one.answered / (one.cpuMs / 1000)));
  const asking = `asking took ${Math.round(busiest * 100)} % of its core`;
  console.log(
    `${name.padEnd(24)} ${shown(rounds.map(perSecond))}/s, p50 ${shown(p50, 2)} ms, p99 ${shown(p99, 2)} ms; ${cpu} per second of its CPU; ${asking}`,
  );
}

function perSecond({ answered, ms }) {
  return answered / (ms / 1000);
}

/** The median, and the least and the most. */
function shown(figures, digits = 0) {
  const sorted = [...figures].sort((a, b) => a - b).map((figure) => figure.toFixed(digits));
  return `${sorted[Math.floor(sorted.length / 2)]} (${sorted[0]} to ${sorted.at(-1)})`;
}

function pinned(core, file, args = [], execArgv = []) {
  return fork(here(file), args, { execPath: "taskset", execArgv: ["-c", String(core), process.execPath, ...execArgv] });
}

/** With the time that it took of the CPU: what is left when other processes take some of its core. */
async function costing(child, what) {
  const cpu = async () => {
    child.send("cpu");
    return (await answerOf(child)).cpuMs;
  };
  const before = await cpu();
  const answer = await asked(what);
  return { ...answer, cpuMs: (await cpu()) - before };
}

async function asked(what) {
  const { grant, credential, ...message } = what;
  load.send({ connections: CONNECTIONS, ...message });
  const answer = await answerOf(load);
  if (answer.problem !== undefined) throw new Error(answer.problem);
  return answer;
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`a process ended with ${code}`));
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
  });
}

async function imdsRequests(url) {
  const { host } = new URL(url);
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "21600" };
  const token = await (await fetch(`${url}/latest/api/token`, { method: "PUT", headers: ttl })).text();
  const path = "/latest/meta-data/iam/security-credentials/evertoken-role";
  const document = await (await fetch(`${url}${path}`, { headers: { "x-aws-ec2-metadata-token": token } })).json();
  return {
    requests: [`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nX-aws-ec2-metadata-token: ${token}\r\n\r\n`],
    grant: `PUT /latest/api/token HTTP/1.1\r\nHost: ${host}\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\nContent-Length: 0\r\n\r\n`,
    credential: { id: document.AccessKeyId, secret: document.SecretAccessKey, token: document.Token },
  };
}

/** Each with the hash of its body, signed: the server has to reckon both. */
function puts(url, { id, secret, token }) {
  const { host } = new URL(url);
  const timestamp = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const step = (key, text) => createHmac("sha256", key).update(text).digest();
  const key = scope.split("/").reduce(step, `AWS4${secret}`);
  const hash = (text) => createHash("sha256").update(text).digest("hex");
  return Array.from({ length: KEYS }, (_, number) => {
    const path = `/measured/2026/report-${number}`;
    const headers = {
      host,
      "x-amz-content-sha256": hash(BODY),
      "x-amz-date": timestamp,
      ...(token === undefined ? {} : { "x-amz-security-token": token }),
    };
    const names = Object.keys(headers).join(";");
    const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
    const canonical = ["PUT", path, "", ...lines, "", names, headers["x-amz-content-sha256"]].join("\n");
    const signature = step(key, ["AWS4-HMAC-SHA256", timestamp, scope, hash(canonical)].join("\n")).toString("hex");
    const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    const head = [...lines, `content-length: ${BODY.length}`, `authorization: ${authorization}`];
    return `PUT ${path} HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n${BODY}`;
  });
}

async function s3rver() {
  const modules = `${root}.cache/s3rver`;
  const install = ["install", "--prefix", modules, "--no-save", "--ignore-scripts", "--no-audit", "--no-fund", S3RVER];
  await promisify(execFile)("npm", install);
  const child = pinned(0, "served.mjs", ["s3rver", modules, `${folder}/s3rver`]);
  return { ...(await answerOf(child)), process: child };
}

function portOf(url) {
  return Number(new URL(url).port);
}
