/** What is measured works on one core, so that nobody gets the better one. */

import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { coreForClients, keepToCore } from "../src/run/core.js";
import { Folder, shortRun } from "./bench.js";

const allowed = (task: string) => /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync(`${task}/status`, "utf8"))?.[1];

/** A process that lives until the test ends. */
async function started(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-core-"));
  const module = join(folder, "lives.mjs");
  writeFileSync(module, "setInterval(() => {}, 1000); process.send('here');");
  const child = fork(module, { execArgv: [] });
  onTestFinished(() => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });
  await once(child, "message");
  return child.pid ?? 0;
}

const core = coreForClients();

describe.skipIf(core === undefined)("the core that clients are measured on", () => {
  it("is the last that this process may use", () => {
    expect(allowed("/proc/self")).toMatch(new RegExp(`[-,]${core}$`));
  });

  it("holds a client's main thread, and none of the other threads that it has", async () => {
    const pid = await started();

    await keepToCore(pid, core ?? 0);

    const threads = readdirSync(`/proc/${pid}/task`);
    const others = threads.filter((thread) => thread !== String(pid));
    expect(allowed(`/proc/${pid}/task/${pid}`)).toBe(String(core));
    expect(new Set(others.map((thread) => allowed(`/proc/${pid}/task/${thread}`)))).toEqual(
      new Set([allowed("/proc/self")]),
    );
  });

  it("is the same for all whose measured operations count", async () => {
    const folder = new Folder();
    onTestFinished(() => folder.remove());
    // Tells by the name of its failures.
    const telling = folder.client(
      `
      const status = readFileSync("/proc/self/status", "utf8");
      throw Object.assign(new Error("told"), { name: "on." + /^Cpus_allowed_list:\\s*(\\S+)$/m.exec(status)[1] });
    `,
      { before: 'import { readFileSync } from "node:fs";' },
    );

    const { measurements } = await shortRun({}, [telling, telling]);

    expect(measurements.map(({ failures }) => Object.keys(failures))).toEqual([[`on.${core}`], [`on.${core}`]]);
  });

  it("is nobody's concern when the client is gone already", async () => {
    await expect(keepToCore(2 ** 22 + 1, core ?? 0)).resolves.toBeUndefined();
  });
});
