/**
 * Files that hold secrets: written whole or not at all, with a mode from the first byte on, and read only while nobody
 * else can have read or written them.
 */

import { constants } from "node:fs";
import { lstat, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { EvertokenError } from "@evertoken/core";

/** A file that must be private is not. */
export class FileNotPrivateError extends EvertokenError {
  override readonly code = "FILE_NOT_PRIVATE";
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** For the one user it belongs to. */
const PRIVATE = 0o600;

/** Replaces the file in one step: who reads it sees the old or the new content, never half of one. */
export async function writePrivateFile(
  path: string,
  content: string | Uint8Array,
  { mode = PRIVATE, owner }: { mode?: number | undefined; owner?: Owner | undefined } = {},
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const temporary = `${path}.new`;
  // Of one that was killed while it wrote.
  await rm(temporary, { force: true });
  try {
    await writeNew(temporary, content, mode, owner);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function writeNew(path: string, content: string | Uint8Array, mode: number, owner: Owner | undefined) {
  // Exclusive: a link that somebody put there is not followed.
  const file = await open(path, "wx", mode);
  try {
    // The umask may have taken from the mode.
    await file.chmod(mode);
    if (owner !== undefined) await file.chown(owner.uid, owner.gid);
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * The content; undefined when there is no such file.
 * @throws FileNotPrivateError when it is a link, or others than its owner can get at it.
 */
export async function readPrivateFile(path: string, mode = PRIVATE): Promise<Buffer | undefined> {
  let file: Awaited<ReturnType<typeof open>>;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw notPrivate(path, "is a symbolic link");
    throw error;
  }
  try {
    const stat = await file.stat();
    const beyond = stat.mode & 0o777 & ~mode & 0o077;
    if (beyond !== 0) throw notPrivate(path, `has mode ${(stat.mode & 0o777).toString(8)}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Whether the file is there with exactly this mode and owner; ourselves, when none is named. */
export async function belongsTo(path: string, { mode, owner }: { mode: number; owner: Owner | undefined }) {
  const file = await lstat(path).catch(() => undefined);
  if (file === undefined || !file.isFile() || (file.mode & 0o777) !== mode) return false;
  const uid = owner?.uid ?? process.geteuid?.();
  const gid = owner?.gid ?? process.getegid?.();
  return file.uid === uid && file.gid === gid;
}

function notPrivate(path: string, why: string): FileNotPrivateError {
  return new FileNotPrivateError(
    `${path} ${why}: expected a file of its own that only its owner can read. Remove it, or chmod 600 it if nobody else has had access.`,
  );
}
