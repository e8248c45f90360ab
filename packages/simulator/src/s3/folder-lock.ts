/**
 * A folder for one process at a time. The lock is a Unix socket in the folder on which its holder listens: when the process
 * ends, however it ends, nobody listens any more. Process ids would not do: they are given out again after a
 * restart, and in containers that share a folder each process has the same one.
 *
 * Each one that wants the folder first listens on a socket of its own, then looks for others that are listened on. So of
 * two, the one that looks later sees the other.
 */

import { randomUUID } from "node:crypto";
import { closeSync, openSync, readdirSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

const PREFIX = "lock-";

/** The address of a socket has no room for more. */
const LONGEST_PATH_BYTES = 100;

/** Two that start in the same moment both give way: one of them tries again. */
const ATTEMPTS = 20;

export interface FolderLock {
  /** Idempotent. */
  release(): void;
}

export class FolderInUseError extends Error {
  /** Who has it, as it says itself. */
  readonly holder: string;

  constructor(holder: string) {
    super(`in use by ${holder}`);
    this.holder = holder;
  }
}

/** @throws FolderInUseError; what the system says when no socket can be made there. */
export async function lockFolder(path: string): Promise<FolderLock> {
  const name = `${PREFIX}${randomUUID()}`;
  // A long path is shortened by way of the folder's number in this process, where the system has that.
  const folder = Buffer.byteLength(join(path, name)) > LONGEST_PATH_BYTES ? openSync(path, "r") : undefined;
  const short = folder === undefined ? path : `/proc/self/fd/${folder}`;
  const release = (server: Server | undefined) => {
    server?.close();
    rmSync(join(path, name), { force: true });
    if (folder !== undefined) closeSync(folder);
  };
  let server: Server | undefined;
  try {
    for (let attempt = 1; ; attempt++) {
      server = await listening(join(short, name));
      const others = readdirSync(path).filter((other) => other.startsWith(PREFIX) && other !== name);
      const holders = await Promise.all(others.map((other) => holderOf(join(short, other))));
      const holder = holders.find((found) => found !== undefined);
      if (holder === undefined) {
        // Nobody has listened on these since their processes ended, and names are not used again.
        for (const other of others) rmSync(join(path, other), { force: true });
        break;
      }
      const isFirst = others.every((other, index) => holders[index] === undefined || name < other);
      if (!isFirst || attempt === ATTEMPTS) throw new FolderInUseError(holder);
      server.close();
      await nextTurn();
    }
  } catch (error) {
    release(server);
    throw error;
  }
  let held: Server | undefined = server;
  return {
    release() {
      if (held !== undefined) release(held);
      held = undefined;
    },
  };
}

/** Tells whoever connects which process it is. */
function listening(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(`process ${process.pid}`);
    });
    server.once("error", reject);
    server.listen({ path, exclusive: true }, () => resolve(server));
    server.unref();
  });
}

/** What is heard of a socket whose process has ended, or gives way. */
const ENDED = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT"]);

/** Undefined: nobody listens there. */
function holderOf(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(path);
    socket.setEncoding("utf8");
    socket.on("data", (text) => {
      said += text;
    });
    socket.on("end", () => resolve(said || "another process"));
    socket.on("error", ({ code }: NodeJS.ErrnoException) => {
      resolve(ENDED.has(code ?? "") ? undefined : "another user's process");
    });
  });
}
