/** An agent whose disk is full: it goes on serving, tells what it could not write, and locks nobody out. */

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { agentOn, eventually, folder, host, instance, MINUTE, OWN, request } from "./host.js";

/** Nothing can be written in the file's place, whoever tries: a full disk, for that one file. */
function blocked(file: string) {
  mkdirSync(`${file}.new`);
  return { free: () => rmSync(`${file}.new`, { recursive: true }) };
}

const AGENT = `
import { startAgent } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
const agent = await startAgent({ port: 0, adminPort: 0, directory: process.argv[1] });
process.on("SIGTERM", () => agent.close());
`;

describe("an agent whose log is on a full disk", () => {
  it.skipIf(!existsSync("/dev/full"))("serves, says that lines are lost, and ends when it is told", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const child = spawn(process.execPath, ["--input-type=module", "-e", AGENT, directory], {
      env: { ...process.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl },
      stdio: ["ignore", openSync("/dev/full", "w"), "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? signal)));
    const { container, admin } = await eventually(
      async () =>
        existsSync(join(directory, "agent.json")) ? readFileSync(join(directory, "agent.json"), "utf8") : "{}",
      (text) => text !== "{}",
    ).then((text) => JSON.parse(text));
    const authorization = readFileSync(join(directory, "authorization-token"), "utf8");

    const answers = [];
    for (let times = 0; times < 3; times++)
      answers.push(await request(`${container}${OWN}`, { headers: { authorization } }));
    const status = await request(`${admin}/v1/status`);
    child.kill("SIGTERM");

    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(JSON.parse(status.body).troubles).toEqual([
      expect.objectContaining({ about: "the log", error: expect.stringContaining("ENOSPC") }),
    ]);
    expect(await ended).toBe(0);
  });
});

describe("an agent that cannot write new authorization tokens", () => {
  it("keeps those before for as long as it cannot", async () => {
    const { agent, clock, ask, log } = await host();
    const disk = blocked(agent.tokenFile);

    await agent.rotateTokens();
    await clock.advance(30 * MINUTE);

    expect((await ask()).status).toBe(200);
    expect(log.all).toContainEqual(expect.objectContaining({ message: "new authorization tokens cannot be written" }));
    expect(agent.status().troubles).toEqual([expect.objectContaining({ about: "authorization tokens" })]);
    disk.free();
    await agent.rotateTokens();
    expect((await ask()).status).toBe(200);
    expect(agent.status().troubles).toEqual([]);
  });

  it("starts with those that it is told to keep", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const before = await agentOn(simulator, { directory, keepTokens: true });
    const authorization = before.token();
    await before.agent.close();
    const disks = ["authorization-token", "agent.json"].map((name) => blocked(join(directory, name)));

    const { agent, ask } = await agentOn(simulator, { directory, keepTokens: true });

    expect((await ask(OWN, { authorization })).status).toBe(200);
    expect(agent.status().troubles).toEqual([expect.objectContaining({ about: "agent.json" })]);
    for (const disk of disks) disk.free();
    await agent.reload(async () => ({ drainMs: 0 }));
    expect(agent.status().troubles).toEqual([]);
  });
});

describe("an agent that cannot write its state file", () => {
  it("serves, and says so until it can", async () => {
    const { simulator, clock } = await instance();
    const keyFile = join(folder(), "key");
    writeFileSync(keyFile, "0123456789abcdef", { mode: 0o600 });
    const file = join(folder(), "state");
    const disk = blocked(file);

    const { agent, ask, admin } = await agentOn(simulator, { state: { file, keyFile } });

    expect((await ask()).status).toBe(200);
    await eventually(
      async () => agent.status().troubles,
      (troubles) => troubles.length === 1,
    );
    expect(agent.status().troubles).toEqual([expect.objectContaining({ about: "the state file" })]);
    expect((await admin("/readyz")).status).toBe(200);
    expect(JSON.parse((await admin("/readyz")).body).troubles).toEqual(["the state file"]);
    expect((await admin("/metrics")).body).toMatch(
      /^evertoken_agent_trouble_start_\w+\{.*about="the state file".*\} \d+/m,
    );
    disk.free();
    await clock.advance(10 * MINUTE);
    await eventually(
      async () => agent.status().troubles,
      (troubles) => troubles.length === 0,
    );
    expect(existsSync(file)).toBe(true);
    expect((await admin("/metrics")).body).not.toContain("about=");
  });
});
