/**
 * A data folder: everything that was acknowledged is found in it again, also after `kill -9` and loss of power.
 *
 *     evertoken-s3.json                       what this folder is
 *     lock-<id>                               who has it
 *     content/<n>                             bytes of objects and parts, each file written once
 *     buckets/<name>/bucket.json              a bucket; without this file it never came to be, or was deleted
 *     buckets/<name>/objects/<hash>.json      what is known of an object, and which files hold its content
 *     buckets/<name>/uploads/<id>.json        an unfinished upload; <id>.<number>.json one of its parts
 *
 * A record is written to the side, synced, renamed into place, and the folder synced: it is there whole, or not at all.
 * Content that no record names is what an interrupted write has left behind; it is removed at the next start.
 */

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlink, writeFileSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { describeError, InvalidInputError } from "@evertoken/core";
import type { Piece, Stage } from "./content.js";
import { FolderInUseError, type FolderLock, lockFolder } from "./folder-lock.js";

const MARK = "evertoken-s3.json";
const FORMAT = 1;

/** So much may wait to be written before the sender has to wait. */
const HIGH_WATER_BYTES = 1 << 20;
const READ_BYTES = 256 << 10;

export class DataFolder {
  readonly #path: string;
  readonly #content: string;
  readonly #pieces = new Map<string, FilePiece>();
  readonly #lock: FolderLock;
  #count = 0;

  /**
   * Makes the folder if need be, and keeps other processes out of it until `close`.
   * @throws InvalidInputError when it is something else, another simulator's, or cannot be written.
   */
  static async open(folder: string): Promise<DataFolder> {
    const path = resolve(folder);
    try {
      makeFolder(path);
      const names = readdirSync(path);
      if (names.length > 0 && !names.includes(MARK)) {
        throw refused(path, "is a folder of other files: expected an empty one, or one that a simulator has made");
      }
      writeFileSync(join(path, MARK), JSON.stringify({ format: FORMAT }));
      for (const inside of ["content", "buckets"]) mkdirSync(join(path, inside), { recursive: true });
      return new DataFolder(path, await lockFolder(path));
    } catch (error) {
      if (error instanceof InvalidInputError) throw error;
      if (error instanceof FolderInUseError) {
        throw refused(path, `is in use by ${error.holder}: end it, or choose another folder`);
      }
      throw refused(path, `cannot be used: ${describeError(error)}`, error);
    }
  }

  private constructor(path: string, lock: FolderLock) {
    this.#path = path;
    this.#lock = lock;
    this.#content = join(path, "content");
    for (const name of readdirSync(this.#content)) this.#count = Math.max(this.#count, Number.parseInt(name, 36) || 0);
  }

  /** A content that is to be written. */
  stage(): Stage {
    this.#count += 1;
    const file = this.#count.toString(36);
    const path = join(this.#content, file);
    return new FileStage(path, async (size) => {
      await syncFolder(this.#content);
      return this.#piece(file, size);
    });
  }

  /** The piece in that file. Whoever asks has to release it. */
  piece(file: string, size: number): Piece {
    const known = this.#pieces.get(file);
    known?.retain();
    return known ?? this.#piece(file, size);
  }

  /** Names of the buckets that were created and not deleted. */
  bucketNames(): string[] {
    const path = join(this.#path, "buckets");
    return readdirSync(path).filter((name) => readdirSync(join(path, name)).includes("bucket.json"));
  }

  folder(bucket: string, ...kind: string[]): RecordFolder {
    return new RecordFolder(join(this.#path, "buckets", bucket, ...kind));
  }

  async createBucket(name: string, fields: object): Promise<void> {
    const path = join(this.#path, "buckets", name);
    await rm(path, { recursive: true, force: true });
    for (const kind of ["objects", "uploads"]) await mkdir(join(path, kind), { recursive: true });
    await this.folder(name).write("bucket", fields);
    await syncFolder(join(this.#path, "buckets"));
  }

  async deleteBucket(name: string): Promise<void> {
    await this.folder(name).remove("bucket");
    await rm(join(this.#path, "buckets", name), { recursive: true, force: true });
  }

  /** Removes what no record has named by now. */
  removeLeftovers(): void {
    for (const name of readdirSync(this.#content)) {
      if (!this.#pieces.has(name)) rmSync(join(this.#content, name), { force: true });
    }
  }

  close(): void {
    this.#lock.release();
  }

  #piece(file: string, size: number): FilePiece {
    const path = join(this.#content, file);
    const piece = new FilePiece(path, file, size, () => {
      this.#pieces.delete(file);
      // Should this fail, the next start removes it.
      unlink(path, () => {});
    });
    this.#pieces.set(file, piece);
    return piece;
  }
}

/** One JSON file for each record. */
export class RecordFolder {
  readonly #path: string;
  #count = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Durable when this has come back. */
  async write(name: string, fields: object): Promise<void> {
    this.#count += 1;
    const aside = join(this.#path, `${name}.${this.#count}.tmp`);
    const file = await open(aside, "w");
    try {
      await file.writeFile(JSON.stringify(fields));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(aside, join(this.#path, `${name}.json`));
    await syncFolder(this.#path);
  }

  async remove(...names: string[]): Promise<void> {
    for (const name of names) await rm(join(this.#path, `${name}.json`), { force: true });
    await syncFolder(this.#path);
  }

  /** At the start only: a leftover, which may go unnoticed once more. */
  removeNow(name: string): void {
    rmSync(join(this.#path, `${name}.json`), { force: true });
  }

  /** Every record, and its name. What was being written when the process ended is removed. */
  readAll(): [name: string, fields: unknown][] {
    const records: [string, unknown][] = [];
    for (const file of readdirSync(this.#path)) {
      const path = join(this.#path, file);
      if (file.endsWith(".tmp")) rmSync(path, { force: true });
      if (file.endsWith(".json")) records.push([file.slice(0, -5), JSON.parse(readFileSync(path, "utf8"))]);
    }
    return records;
  }
}

/** A name for a key, which may hold anything and be longer than a file's name. */
export function fileNameOf(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

class FileStage implements Stage {
  readonly #path: string;
  readonly #finished: (size: number) => Promise<Piece>;
  readonly #opening: Promise<FileHandle>;
  #tail: Promise<unknown>;
  #waiting = 0;
  #size = 0;

  constructor(path: string, finished: (size: number) => Promise<Piece>) {
    this.#path = path;
    this.#finished = finished;
    this.#opening = open(path, "wx");
    this.#tail = this.#opening;
    // Whoever finishes hears of it.
    this.#tail.catch(() => {});
  }

  write(chunk: Buffer): Promise<void> | undefined {
    this.#size += chunk.length;
    this.#waiting += chunk.length;
    const written = this.#tail.then(async () => {
      await (await this.#opening).appendFile(chunk);
      this.#waiting -= chunk.length;
    });
    written.catch(() => {});
    this.#tail = written;
    return this.#waiting > HIGH_WATER_BYTES ? written : undefined;
  }

  async finish(): Promise<Piece> {
    const file = await this.#opening;
    try {
      await this.#tail;
      await file.sync();
    } finally {
      await file.close();
    }
    return this.#finished(this.#size);
  }

  discard(): void {
    const end = async () => {
      await this.#tail.catch(() => {});
      await (await this.#opening).close();
      await rm(this.#path, { force: true });
    };
    // A file that stays is removed at the next start.
    end().catch(() => {});
  }
}

class FilePiece implements Piece {
  readonly size: number;
  readonly file: string;
  readonly #path: string;
  readonly #unneeded: () => void;
  #users = 1;

  constructor(path: string, file: string, size: number, unneeded: () => void) {
    this.#path = path;
    this.file = file;
    this.size = size;
    this.#unneeded = unneeded;
  }

  async *read(from: number, to: number): AsyncGenerator<Buffer> {
    const file = await open(this.#path, "r");
    try {
      for (let at = from; at < to; ) {
        const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, to - at));
        const { bytesRead } = await file.read(chunk, 0, chunk.length, at);
        if (bytesRead === 0) throw new Error(`${this.#path} is shorter than it was written`);
        at += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#unneeded();
  }
}

/** Step by step: where nothing can be made, as below `/proc`, Node.js's recursive way tries again for ever. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else was quicker.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function refused(path: string, problem: string, cause?: unknown): InvalidInputError {
  const problems = [{ field: "dataDir", message: `${path} ${problem}` }];
  return new InvalidInputError("startSimulator options", problems, cause === undefined ? {} : { cause });
}
