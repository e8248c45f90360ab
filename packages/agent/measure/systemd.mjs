// Whether deploy/systemd does what it says on a systemd that runs: boots a Debian of its own in a virtual machine (QEMU, emulated,
// no network), installs the packed command and the units in it, and lets systemd/checks.mjs play administrator, client and burglar:
//   npm run measure:systemd
//   npm run measure:systemd -- --base DIR      # keeps the bare Debian in DIR for the next run
//   npm run measure:systemd -- --only clock    # the checks whose names match, and the first, which all need
// Needs root, the Debian packages mmdebstrap, e2fsprogs and qemu-system-x86, and Debian's and npm's registries. Nothing of this
// machine is booted or changed; what it makes is under /var/tmp and is removed in the end.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, cp } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const MINUTE_MS = 60_000;
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const CHECKS = fileURLToPath(new URL("systemd", import.meta.url));

/** What the virtual machine does instead of offering a log-in: all there is to run comes on its second disk. */
const FIRST_COMMAND = "/usr/local/sbin/evertoken-checks";
const FIRST_SCRIPT = `#!/bin/sh
tar -xf /dev/vdb -C /opt && exec /opt/node /opt/checks/checks.mjs
`;

/** A disk of what was unpacked, without /proc and /sys, which are mounted while hooks run. */
const MAKE_DISK = `set -e
copy=$2/copy
mkdir "$copy"
tar --one-file-system -C "$1" -c . | tar -C "$copy" -xp
mke2fs -q -t ext4 -d "$copy" "$2/root.img" 2G
rm -rf "$copy"
cp "$1/vmlinuz" "$1/initrd.img" "$2"
`;

const PACKAGES = ["systemd", "systemd-sysv", "linux-image-cloud-amd64", "libstdc++6", "iproute2"];

/** What is under way. All of these end by SIGTERM, and take away what they had mounted. */
let running;

/** Runs it, and gives what it printed. */
function run(command, args, { limitMs = 5 * MINUTE_MS, cwd, onLine } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      timeout: limitMs,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running = child;
    let said = "";
    let printed = "";
    let rest = "";
    child.stderr.on("data", (chunk) => (said += chunk));
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const lines = (rest + chunk).split(/\r?\n/);
      rest = lines.pop();
      if (onLine !== undefined) lines.forEach(onLine);
    });
    child.on("error", (error) => reject(new Error(`${command}: ${error.message}: is its Debian package installed?`)));
    child.on("close", (code, signal) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`${command} ended with ${signal ?? code}\n${said.slice(-2000)}`));
    });
  });
}

async function makeBase(base) {
  if (existsSync(join(base, "root.img"))) return;
  console.log("# a bare Debian, with its kernel");
  mkdirSync(base, { recursive: true });
  const without = ["doc", "info", "locale", "man"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  writeFileSync(join(base, "first"), FIRST_SCRIPT, { mode: 0o755 });
  writeFileSync(join(base, "make-disk"), MAKE_DISK);
  await run("mmdebstrap", [
    "--quiet",
    "--variant=minbase",
    `--include=${PACKAGES.join(",")}`,
    ...without,
    `--customize-hook=cp ${join(base, "first")} "$1${FIRST_COMMAND}"`,
    `--customize-hook=sh ${join(base, "make-disk")} "$1" ${base}`,
    "bookworm",
    "/dev/null",
  ]);
}

/** The command as users install it, Node.js, the units and the checks, as a tape on a disk. */
async function makeTape(folder) {
  console.log("# the packed command and what it depends on");
  const tape = join(folder, "tape");
  const installed = join(tape, "evertoken");
  mkdirSync(installed, { recursive: true });
  writeFileSync(join(installed, "package.json"), JSON.stringify({ name: "installed", private: true }));
  const packages = readdirSync(join(ROOT, "packages")).map((name) => `--workspace=packages/${name}`);
  await run("npm", ["pack", "--ignore-scripts", "--pack-destination", installed, ...packages], { cwd: ROOT });
  const tarballs = readdirSync(installed).filter((name) => name.endsWith(".tgz"));
  const quiet = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  await run("npm", ["install", ...quiet, ...tarballs.map((name) => `./${name}`)], { cwd: installed });
  await copyFile(process.execPath, join(tape, "node"));
  await cp(join(ROOT, "deploy/systemd"), join(tape, "deploy"), { recursive: true });
  await cp(CHECKS, join(tape, "checks"), { recursive: true });
  writeFileSync(join(tape, "checks/only"), only);
  const disk = join(folder, "tape.tar");
  // QEMU counts a disk in blocks.
  const asRoot = ["--owner=0", "--group=0", "--mode=go=rX,u+rw"];
  await run("tar", [...asRoot, "--exclude=*.tgz", "-b", "128", "-cf", disk, "-C", tape, "."]);
  return disk;
}

async function boot(base, tape, folder) {
  console.log("# boots; emulated, so a second there is a few here");
  const consoleFile = join(folder, "console");
  const seen = { ok: 0, failed: 0, plan: undefined };
  const drive = (file, more = "") => ["-drive", `file=${file},format=raw,if=virtio${more}`];
  const booted = run(
    "qemu-system-x86_64",
    [
      ...["-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "1024", "-nic", "none", "-no-reboot"],
      ...["-display", "none", "-monitor", "none", "-serial", `file:${consoleFile}`, "-serial", "stdio"],
      ...["-kernel", join(base, "vmlinuz"), "-initrd", join(base, "initrd.img")],
      ...["-append", `console=ttyS0 root=/dev/vda rw panic=-1 systemd.run=${FIRST_COMMAND}`],
      ...drive(join(base, "root.img"), ",snapshot=on"),
      ...drive(tape, ",readonly=on"),
    ],
    {
      limitMs: 20 * MINUTE_MS,
      onLine: (line) => {
        console.log(line);
        if (line.startsWith("ok ")) seen.ok++;
        if (line.startsWith("not ok ")) seen.failed++;
        const [, plan] = /^1\.\.(\d+)$/.exec(line) ?? [];
        if (plan !== undefined) seen.plan = Number(plan);
      },
    },
  );
  await booted.catch((error) => console.log(`# ${error.message}`));
  if (seen.plan !== seen.ok + seen.failed)
    console.log(`# it ended before its plan:\n${readFileSync(consoleFile, "utf8").slice(-3000)}`);
  console.log(`${seen.ok} passed, ${seen.failed} failed`);
  return seen.plan === seen.ok && seen.failed === 0;
}

if (process.geteuid() !== 0) throw new Error("expected root: mmdebstrap unpacks a system with its owners");
const folder = mkdtempSync("/var/tmp/evertoken-systemd-");
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => running?.kill());
const { base = join(folder, "base"), only } = parseArgs({
  options: { base: { type: "string" }, only: { type: "string", default: "" } },
}).values;
try {
  await makeBase(resolve(base));
  const isGood = await boot(base, await makeTape(folder), folder);
  process.exitCode = isGood ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
