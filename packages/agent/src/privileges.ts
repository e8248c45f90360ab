/** What a process that holds secrets gives up: its rights as root once its ports are open, and its memory in core dumps. */

import { readFile, writeFile } from "node:fs/promises";
import { InvalidInputError } from "@evertoken/core";
import type { Owner } from "./private-file.js";

/**
 * The user to become, from `/etc/passwd`.
 * @throws InvalidInputError when there is no such user, or this process may not become another.
 */
export async function resolveUser(user: string): Promise<Owner> {
  const wrong = (message: string) => new InvalidInputError("agent options", [{ field: "user", message }]);
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  const [, , uid, gid] = lines.find(([name, , number]) => name === user || number === user) ?? [];
  if (uid === undefined || gid === undefined) throw wrong(`is ${user}: expected one of /etc/passwd`);
  if (process.getuid?.() !== 0)
    throw wrong(`is ${user}, but only root can become another user: start the agent as ${user}`);
  return { uid: Number(uid), gid: Number(gid) };
}

/** For good: there is no way back. */
export function become({ uid, gid }: Owner): void {
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

/**
 * Leaves this process's memory out of core dumps. Node.js cannot set a resource limit; which memory goes into a dump it
 * can: none. @see https://man7.org/linux/man-pages/man5/core.5.html
 */
export async function keepMemoryOutOfCoreDumps(): Promise<boolean> {
  return writeFile("/proc/self/coredump_filter", "0").then(
    () => true,
    () => false,
  );
}
