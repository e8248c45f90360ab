// Other people's programs, untouched, each living in simulated time: libfaketime tells it the hour, its sockets and pauses
// stay real. Go asks the kernel for the time, past the C library: its programs run under QEMU, which asks the library for them.

import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const HERE = new URL(".", import.meta.url).pathname;
const PYTHON = "/usr/bin/python3";
const QEMU = `qemu-${{ x64: "x86_64", arm64: "aarch64" }[process.arch]}`;
const FAKETIME = readdirSync("/usr/lib")
  .map((triplet) => join("/usr/lib", triplet, "faketime/libfaketimeMT.so.1"))
  .find(existsSync);

const runs = (tool, ...args) => spawnSync(tool, args, { stdio: "ignore" }).status === 0;

/** What each needs, by Debian's names. Without the first nothing can be measured. */
export const NEEDED = {
  faketime: () => FAKETIME !== undefined,
  awscli: () => existsSync("/usr/bin/aws"),
  "python3-boto3": () => runs(PYTHON, "-c", "import boto3"),
  rclone: () => runs("/usr/bin/rclone", "version"),
  restic: () => runs("/usr/bin/restic", "version"),
  "qemu-user": () => runs(QEMU, "--version"),
  "golang-go": () => runs("go", "version"),
  "golang-github-aws-aws-sdk-go-v2-dev": () => existsSync("/usr/share/gocode/src/github.com/aws/aws-sdk-go-v2"),
};

/** aws-sdk-cpp is in no package of Debian. pyarrow, of PyPI, has it inside; where PYTHONPATH says, if it does. */
const hasArrow = () => runs(PYTHON, "-c", "from pyarrow import fs; fs.S3FileSystem");

/** Real time that an answer may take before it counts as none, where an SDK waits for IMDS, and its program for it. */
const PATIENCE_MS = 3000;

/** Behind the agent there is nothing to wait for; nor do programs take longer than this to start, on a busy machine. */
const MOST_PATIENCE_MS = 60_000;

/** What did not come in its time is hardly worth waiting for. */
const NO_MORE_PATIENCE_MS = 100;

export const NO_ANSWER = "no answer";

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function within(ms, answer) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(NO_ANSWER), ms);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

/** One request at a time: a program that still waits for an answer has no time for another. */
function patiently(ask, way) {
  let pending;
  let patience = MOST_PATIENCE_MS;
  return () => {
    const wait = pending === undefined ? patience : NO_MORE_PATIENCE_MS;
    if (way === "straight") patience = PATIENCE_MS;
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return within(wait, pending);
  };
}

/** A program that lists buckets for each line it reads. */
function lineByLine(command, args, { way, ...world }) {
  const child = start(command, args, world);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return patiently(async () => {
    child.stdin.write("list\n");
    const { value, done } = await answers.next();
    return done ? "ended" : value;
  }, way);
}

function start(command, args, { env, cwd, children }) {
  const child = spawn(command, args, {
    env,
    cwd,
    stdio: ["pipe", "pipe", process.env.CLIENTS_DEBUG ? "inherit" : "ignore"],
  });
  child.stdin.on("error", () => {});
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

function finished(child) {
  return new Promise((resolve) => child.on("close", (code) => resolve(code === 0 ? "ok" : `exit ${code}`)));
}

let nextPort = 20_000;

/** rclone as a server that is told over HTTP what to do. */
function rclone({ env, cwd, way, s3Url, children }) {
  const port = nextPort++;
  // Its five minutes for an answer of IMDS would be days here.
  const options = ["--rc-no-auth", `--rc-addr=127.0.0.1:${port}`, "--timeout=2s", "--contimeout=2s"];
  start(QEMU, ["/usr/bin/rclone", "rcd", ...options], { env, cwd, children });
  const fs = `:s3,provider=Other,env_auth=true,region=us-east-1,endpoint='${s3Url}':reports`;
  return patiently(async () => {
    const body = JSON.stringify({ fs, remote: "", opt: {} });
    const headers = { "content-type": "application/json" };
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/operations/list`, { method: "POST", headers, body }).catch(
        () => undefined,
      );
      if (answer !== undefined) return answer.ok ? "ok" : (await answer.json()).error;
      // It is still starting.
      await pause(100);
    }
  }, way);
}

/** As much as makes restic write: it cuts it into pieces of up to 8 MiB, and its packs have 4 MiB at least. */
const STRETCH = 12 << 20;

const RESTIC_REST_MS = 150;

/** It may have to start, and to read what it has stored. */
const RESTIC_PATIENCE_MS = 8000;

/** One backup of a stream that goes on for days: what has come is written whenever there is enough of it. */
function restic({ env, cwd, way, s3Url, children, written }) {
  const repository = { RESTIC_REPOSITORY: `s3:${s3Url}/backup-${way}`, RESTIC_PASSWORD: "simulated" };
  const own = { env: { ...env, ...repository }, cwd, children };
  const options = ["-o", "s3.region=us-east-1", "-o", "s3.bucket-lookup=path", "--no-cache"];
  const run = (...args) => start(QEMU, ["/usr/bin/restic", ...options, ...args], own);
  let backup;
  let hasWritten = false;
  const write = async () => {
    const before = written();
    // Nothing that it has stored already, and nothing to compress.
    backup.stdin.write(randomBytes(STRETCH));
    let stored = before;
    // Until it has written, and writes no more: what is under way while time jumps was signed too long ago.
    while ((stored === before || stored !== written()) && backup.exitCode === null) {
      stored = written();
      await pause(RESTIC_REST_MS);
    }
    return backup.exitCode === null ? "ok" : "ended";
  };
  return async () => {
    if (!hasWritten && (await finished(run("init"))) !== "ok") return "init failed";
    backup ??= run("backup", "--stdin", "--pack-size", "4");
    const outcome = await within(way === "straight" && hasWritten ? RESTIC_PATIENCE_MS : MOST_PATIENCE_MS, write());
    hasWritten ||= outcome === "ok";
    if (outcome === "ok") return outcome;
    // It would try for a quarter of an hour and end. Here that is over in no time, and whoever started it starts it again.
    backup.kill("SIGKILL");
    backup = undefined;
    return outcome;
  };
}

function go(folder) {
  const program = join(folder, "sdk_client");
  const built = spawnSync("go", ["build", "-o", program, join(HERE, "sdk_client.go")], {
    // As Debian builds: from its packages of source, and nothing from the net.
    env: { ...process.env, GO111MODULE: "off", GOPATH: "/usr/share/gocode" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (built.status !== 0) throw new Error("the Go program does not build");
  return program;
}

/** By name: what it needs, how its variables must be put, and how it is asked. */
export function programs(folder) {
  const goProgram = ["golang-go", "golang-github-aws-aws-sdk-go-v2-dev", "qemu-user"];
  let built;
  const cpp = {
    needs: [],
    open: (world) => {
      const env = { ...world.env, PYTHONPATH: process.env.PYTHONPATH };
      return lineByLine(PYTHON, [join(HERE, "arrow_client.py"), world.s3Url], { ...world, env });
    },
  };
  return {
    ...(hasArrow() ? { "AWS SDK for C++": cpp } : {}),
    "AWS CLI": {
      needs: ["awscli"],
      // A process for each request: it is the heaviest of them.
      isHeavy: true,
      needsSlash: true,
      open: ({ env, cwd, s3Url, children }) => {
        const args = ["--endpoint-url", s3Url, "s3api", "list-buckets"];
        return patiently(() => finished(start("/usr/bin/aws", args, { env, cwd, children })));
      },
    },
    boto3: {
      needs: ["python3-boto3"],
      open: (world) => lineByLine(PYTHON, [join(HERE, "boto3_client.py"), world.s3Url], world),
    },
    rclone: { needs: ["rclone", "qemu-user"], open: rclone },
    restic: { needs: ["restic", "qemu-user"], isHeavy: true, isLinkLocal: true, open: restic },
    "AWS SDK for JavaScript": {
      needs: [],
      readsTokenFiles: true,
      open: (world) => lineByLine(process.execPath, [join(HERE, "sdk-client.mjs"), world.s3Url], world),
    },
    "AWS SDK for Go": {
      needs: goProgram,
      open: (world) => {
        built ??= go(folder);
        return lineByLine(QEMU, [built, world.s3Url], world);
      },
    },
  };
}

/** The environment of a program that takes its time from `file`: how many seconds it is ahead of the host. */
export function inSimulatedTime(file) {
  return {
    LD_PRELOAD: FAKETIME,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: "1",
    // Pauses and time-outs stay real: only the hour is another.
    FAKETIME_DONT_FAKE_MONOTONIC: "1",
    FAKETIME_DISABLE_SHM: "1",
  };
}
