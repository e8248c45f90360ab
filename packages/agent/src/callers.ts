/**
 * Who is at the other end of a loopback connection: the user and, when asked for, the program. The kernel lists both ends
 * of it in `/proc/net/tcp` and `/proc/net/tcp6`, the peer's with its user and the number of its socket; the process that
 * holds that socket has it among its open files.
 *
 * Looked up once for each connection; many that come together share one reading. It tells who made the connection: a
 * process may hand it on to another. Programs of other users can be seen by root only (or with CAP_SYS_PTRACE).
 * @see https://docs.kernel.org/networking/proc_net_tcp.html
 */

import { readdir, readFile, readlink, stat } from "node:fs/promises";
import type { Socket } from "node:net";
import { endianness } from "node:os";

export interface Caller {
  /** `127.0.0.1:51234`, or `unix`. */
  readonly address: string;
  readonly uid?: number;
  readonly pid?: number;
  /** The path of its program. */
  readonly executable?: string;
}

/** Which callers are answered; without any rule, all. */
export interface CallerPolicy {
  readonly uids: readonly number[];
  readonly executables: readonly string[];
}

export type Identification = "none" | "uid" | "executable";

interface PeerEntry {
  readonly uid: number;
  readonly inode: string;
}

export class Callers {
  #reading: Promise<string> | undefined;
  #nextReading: Promise<string> | undefined;

  /** Never rejects: what cannot be found out is absent, and a policy then refuses. */
  async identify(socket: Socket, how: Identification): Promise<Caller> {
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    if (remoteAddress === undefined || localAddress === undefined) return { address: "unix" };
    const address = `${remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
    if (how === "none") return { address };
    const table = await this.#table();
    const entry = spellings(remoteAddress)
      .flatMap((remote) => spellings(localAddress).map((local) => [remote, local] as const))
      .map(([remote, local]) => entryOf(table, `${remote}:${hexPort(remotePort)} ${local}:${hexPort(localPort)}`))
      .find((found) => found !== undefined);
    if (entry === undefined) return { address };
    const process = how === "executable" ? await processOf(entry) : undefined;
    return { address, uid: entry.uid, ...process };
  }

  /** A reading that begins after this call: one that is under way may have passed the new connection already. */
  #table(): Promise<string> {
    if (this.#reading === undefined) return this.#read();
    this.#nextReading ??= this.#reading.then(() => {
      this.#nextReading = undefined;
      return this.#read();
    });
    return this.#nextReading;
  }

  #read(): Promise<string> {
    const reading = readTable().finally(() => {
      if (this.#reading === reading) this.#reading = undefined;
    });
    this.#reading = reading;
    return reading;
  }
}

/** Whether it may have credentials. */
export function isAllowed({ uid, executable }: Caller, { uids, executables }: CallerPolicy): boolean {
  if (uids.length > 0 && (uid === undefined || !uids.includes(uid))) return false;
  return executables.length === 0 || (executable !== undefined && executables.includes(executable));
}

/** What counts as one client for limits and figures: connections come and go, the user and program stay. */
export function clientOf({ address, uid, executable }: Caller): string {
  if (uid !== undefined) return executable === undefined ? `uid ${uid}` : `uid ${uid} ${executable}`;
  return address.replace(/:\d+$/, "");
}

const ESTABLISHED = "01";

async function readTable(): Promise<string> {
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((path) => readFile(path, "latin1").catch(() => "")),
  );
  return tables.join("\n");
}

/**
 * The line of one connection, found by its text: a host with ten thousand connections has a megabyte of them, and taking
 * all apart for the sake of one would cost more than everything else that a request needs.
 * A connection that is being closed is listed as root's, without a socket: it must not pass for root.
 */
function entryOf(table: string, ends: string): PeerEntry | undefined {
  const start = table.indexOf(` ${ends} ${ESTABLISHED} `);
  if (start < 0) return undefined;
  const end = table.indexOf("\n", start);
  const [, , , , , , uid, , inode] = table.slice(start + 1, end < 0 ? undefined : end).split(/\s+/);
  return inode === undefined || inode === "0" ? undefined : { uid: Number(uid), inode };
}

async function processOf({ uid, inode }: PeerEntry): Promise<Pick<Caller, "pid" | "executable">> {
  const link = `socket:[${inode}]`;
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      // The user is told by the socket already: processes of others need no look.
      if ((await stat(`/proc/${pid}`)).uid !== uid) continue;
      for (const fd of await readdir(`/proc/${pid}/fd`)) {
        if ((await readlink(`/proc/${pid}/fd/${fd}`)) !== link) continue;
        return { pid: Number(pid), executable: await readlink(`/proc/${pid}/exe`) };
      }
    } catch {
      // It has ended meanwhile, or is not ours to look at.
    }
  }
  return {};
}

function hexPort(port: number | undefined): string {
  return (port ?? 0).toString(16).toUpperCase().padStart(4, "0");
}

/** How the kernel writes an address: words in the host's byte order. An IPv4 peer may be on an IPv6 socket. */
function spellings(address: string): string[] {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (v4 === undefined) return [words(groups(address))];
  const bytes = v4.split(".").map(Number);
  return [words(bytes), words([...new Array<number>(10).fill(0), 0xff, 0xff, ...bytes])];
}

function groups(address: string): number[] {
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const parse = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return all.flatMap((group) => [group >> 8, group & 0xff]);
}

function words(bytes: readonly number[]): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 4) {
    const word = bytes.slice(index, index + 4);
    if (endianness() === "LE") word.reverse();
    for (const byte of word) text += byte.toString(16).toUpperCase().padStart(2, "0");
  }
  return text;
}
