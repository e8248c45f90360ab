/**
 * The images in `deploy/container`, as far as no container engine is needed: the recipe is read, and what it starts is
 * started here in the same way, without rights, as the first process of its world where the system allows that.
 */

import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { accessSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";

const ROOT = new URL("../../../", import.meta.url).pathname;
const IN_IMAGE = "/opt/evertoken/";

interface Stage {
  readonly name: string;
  readonly from: string;
  readonly instructions: readonly { readonly name: string; readonly text: string }[];
}

function stagesOf(recipe: string): Stage[] {
  const lines = recipe
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "");
  const stages: { name: string; from: string; instructions: { name: string; text: string }[] }[] = [];
  for (const line of lines) {
    const [, name = "", text = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    const [, from = "", stage = ""] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
    if (name === "FROM") stages.push({ name: stage, from, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text });
  }
  return stages;
}

const STAGES = stagesOf(readFileSync(join(ROOT, "deploy/container/Containerfile"), "utf8"));

/** With the instructions of what it is built on. */
function instructionsOf(stage: string): Stage["instructions"] {
  const found = STAGES.find(({ name }) => name === stage);
  return found === undefined ? [] : [...instructionsOf(found.from), ...found.instructions];
}

const last = (stage: string, name: string) =>
  instructionsOf(stage).findLast((instruction) => instruction.name === name)?.text ?? "";

/** Its command, which runs here what it would run there. */
function commandOf(stage: string, name: "ENTRYPOINT" | "HEALTHCHECK"): string[] {
  const command: string[] = JSON.parse(last(stage, name).replace(/^.*CMD /, ""));
  return command.map((part) => (part === "node" ? process.execPath : part.replace(IN_IMAGE, ROOT)));
}

describe("the recipe", () => {
  it("knows only instructions that engines know", () => {
    const known = /^(?:ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)$/;
    const names = STAGES.flatMap(({ instructions }) => instructions.map(({ name }) => name));

    expect(names.filter((name) => !known.test(name))).toEqual([]);
  });

  it("copies what there is, from stages that there are", () => {
    for (const [index, { instructions }] of STAGES.entries()) {
      for (const { text } of instructions.filter(({ name }) => name === "COPY")) {
        const [, from, source = ""] = /^(?:--from=(\S+) )?(\S+)/.exec(text) ?? [];
        if (from !== undefined) {
          expect(
            STAGES.slice(0, index).map(({ name }) => name),
            text,
          ).toContain(from);
        }
        expect(existsSync(join(ROOT, source.replace("/build/", ""))), text).toBe(true);
      }
    }
  });

  it.each(["simulator", "agent"])("starts the %s without rights, by no shell that would keep signals", (stage) => {
    const user = /^(\d+):(\d+)$/.exec(last(stage, "USER"));
    const [node, main = "", command] = commandOf(stage, "ENTRYPOINT");

    expect(Number(user?.[1])).toBeGreaterThan(0);
    expect([node, command, last(stage, "STOPSIGNAL")]).toEqual([
      process.execPath,
      stage === "agent" ? "agent" : "simulate",
      "SIGTERM",
    ]);
    accessSync(main);
  });

  it("builds the simulator for programs that share its network", () => {
    const { services } = parse(readFileSync(join(ROOT, "deploy/container/compose.yaml"), "utf8"));
    const { simulator, program } = services;

    expect(STAGES.map(({ name }) => name)).toContain(simulator.build.target);
    expect(existsSync(join(ROOT, simulator.build.dockerfile))).toBe(true);
    expect(program.network_mode).toBe("service:simulator");
    expect(program.depends_on.simulator.condition).toBe("service_healthy");
  });
});

const isRoot = process.getuid?.() === 0;

/** The user of the image; who is not root is somebody without rights already. */
const SOMEBODY = isRoot ? { uid: 65_532, gid: 65_532 } : {};

/** Where the process is the first of its world, to which signals without a handler do not get. */
const ALONE = ["unshare", "--user", "--pid", "--fork", "--kill-child", "--"];
const canBeAlone = spawnSync("unshare", [...ALONE.slice(1), "true"], SOMEBODY).status === 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Answers when the first line was printed. */
async function started(by: readonly string[], admin: number) {
  const ports = ["--imds-port", "0", "--s3-port", "0", "--admin-port", String(admin)];
  const [command = "", ...rest] = [...by, ...commandOf("simulator", "ENTRYPOINT"), ...ports];
  const child = spawn(command, rest, { ...SOMEBODY, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const isThere = await Promise.race([
    new Promise((resolve) => child.stdout.once("data", () => resolve(true))),
    ended.then(() => said),
  ]);
  expect(isThere).toBe(true);
  return { child, ended };
}

/** What an engine hears of the health check: 0 for healthy. */
async function health(admin: number): Promise<number> {
  const [command = "", ...rest] = commandOf("simulator", "HEALTHCHECK").map((part) => part.replace("1339", `${admin}`));
  return promisify(execFile)(command, rest, SOMEBODY).then(
    () => 0,
    ({ code }) => code,
  );
}

/** The process itself, below the one that has made its world. */
function inside({ pid }: ChildProcess): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
}

describe("the simulator's container", () => {
  it("is healthy while it runs, and ended by the signal with which engines stop", async () => {
    const admin = await freePort();
    const { child, ended } = await started([], admin);

    expect(await health(admin)).toBe(0);
    child.kill("SIGTERM");

    expect(await ended).toBe(0);
    expect(await health(admin)).toBe(1);
  });

  it.skipIf(!canBeAlone)("is ended as the first process of its world too", async () => {
    const { child, ended } = await started(ALONE, await freePort());

    process.kill(inside(child), "SIGTERM");

    expect(await ended).toBe(0);
  });
});
