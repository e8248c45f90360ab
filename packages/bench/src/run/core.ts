/**
 * The core that clients work on while they are measured: the same for all. Cores of a machine are not equally fast at every
 * moment, least of all a virtual machine's, whose neighbours come and go; on one core, one after the other, clients share that.
 *
 * Only the main thread, which is what works here: threads that collect garbage or read files go on wherever there is room.
 */

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

/**
 * The last of those that this process may use, since interrupts are often the first's business. Undefined where it has only one,
 * or where nothing tells (elsewhere than on Linux).
 */
export function coreForClients(): number | undefined {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    // `0-3,8`: numbers and ranges of them.
    const cores = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "";
    return /[-,]/.test(cores) ? Number(/\d+$/.exec(cores)?.[0]) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps a process's main thread to a core, and the threads that it starts from now on. Without `taskset` (of util-linux)
 * nothing happens: figures are noisier then, and no less true.
 */
export async function keepToCore(pid: number, core: number): Promise<void> {
  // Short options: BusyBox's has no others.
  await promisify(execFile)("taskset", ["-p", "-c", String(core), String(pid)]).catch(() => undefined);
}
