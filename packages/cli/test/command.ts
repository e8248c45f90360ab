/** Runs the `evertoken` command as a user does: a process with its output. */

import { type ChildProcess, spawn } from "node:child_process";
import { onTestFinished } from "vitest";

const MAIN = new URL("../dist/main.js", import.meta.url).pathname;

export interface Running {
  readonly child: ChildProcess;
  /** Everything printed so far, both streams. */
  printed(): string;
  /** Resolves when the text has been printed. */
  says(text: string | RegExp): Promise<string>;
  /** The exit code, or the name of the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export function evertoken(args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { ...process.env, ...env } });
  let printed = "";
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      printed += text.toString();
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.on("close", (code, signal) => resolve(code ?? signal));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    child,
    printed: () => printed,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = typeof text === "string" ? printed.includes(text) : text.test(printed);
          if (found) resolve(printed);
        };
        listeners.add(look);
        void ended.then(() => reject(new Error(`it ended without saying ${text}:\n${printed}`)));
        look();
      }),
  };
}

/** The processes that a process has started and that still run. */
export async function childrenOf(pid: number | undefined): Promise<number[]> {
  const { readFile, readdir } = await import("node:fs/promises");
  const children: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    // The name in brackets may hold anything; the parent's id is the second field behind it.
    const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    if (Number(parent) === pid) children.push(Number(name));
  }
  return children;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
