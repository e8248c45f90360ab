/**
 * Buckets, objects and unfinished uploads: what is known of them is in memory, their bytes too unless there is a data
 * folder. An object is one frozen value, replaced whole; with a folder it is replaced when the new one is durable.
 */

import type { Checksum, ChecksumAlgorithm, ChecksumType } from "./checksums.js";
import { Content, MemoryStage, type Stage } from "./content.js";
import { type DataFolder, fileNameOf, type RecordFolder } from "./disk.js";
import { SortedKeys } from "./key-order.js";

/** Whose everything is: the one account of this simulator. */
export const OWNER = Object.freeze({ ID: "e4e7".repeat(16), DisplayName: "evertoken-simulator" });

export type Tags = Readonly<Record<string, string>>;

/** What is said about an object when it is written, and said again with it. */
export interface Description {
  /** `content-type`, `x-amz-meta-…` */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: Tags;
}

interface ObjectPart {
  readonly number: number;
  readonly size: number;
  readonly checksum: Checksum | undefined;
}

export interface StoredObject extends Description {
  readonly content: Content;
  /** With its quotes, as it travels. */
  readonly etag: string;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly checksum: Checksum | undefined;
  /** Of an object that was uploaded in parts. */
  readonly parts: readonly ObjectPart[] | undefined;
}

export interface StoredPart {
  readonly content: Content;
  readonly etag: string;
  readonly modifiedAt: number;
  readonly checksum: Checksum | undefined;
}

export interface Upload extends Description {
  readonly id: string;
  readonly key: string;
  readonly startedAt: number;
  /** How the whole is summed up, and whether somebody asked for it. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType; readonly asked: boolean };
  readonly parts: Map<number, StoredPart>;
}

/** Judges what is there in the moment in which it is replaced. */
export type Condition = (existing: StoredObject | undefined) => void;

interface Folders {
  readonly objects: RecordFolder;
  readonly uploads: RecordFolder;
}

export class Bucket {
  readonly name: string;
  readonly createdAt: number;
  readonly #folders: Folders | undefined;
  readonly #objects = new Map<string, StoredObject>();
  readonly #uploads = new Map<string, Upload>();
  readonly #keys = new SortedKeys();
  /** What is being written under a name: one after the other. */
  readonly #writing = new Map<string, Promise<void>>();

  constructor(name: string, createdAt: number, folders: Folders | undefined) {
    this.name = name;
    this.createdAt = createdAt;
    this.#folders = folders;
  }

  get(key: string): StoredObject | undefined {
    return this.#objects.get(key);
  }

  get isEmpty(): boolean {
    return this.#objects.size === 0;
  }

  get keys(): SortedKeys {
    return this.#keys;
  }

  get uploads(): ReadonlyMap<string, Upload> {
    return this.#uploads;
  }

  /**
   * Replaces what is there by `object`, whose content becomes the bucket's.
   * @throws what `condition` throws, and then nothing has changed.
   */
  async put(key: string, object: StoredObject, condition?: Condition): Promise<void> {
    await this.#change(
      key,
      async (records, name) => {
        condition?.(this.#objects.get(key));
        await records.write(name, { key, ...objectRecord(object) });
        this.#replace(key, object);
      },
      () => {
        condition?.(this.#objects.get(key));
        this.#replace(key, object);
      },
    );
  }

  async delete(key: string, condition?: Condition): Promise<void> {
    await this.#change(
      key,
      async (records, name) => {
        condition?.(this.#objects.get(key));
        if (!this.#objects.has(key)) return;
        await records.remove(name);
        this.#replace(key, undefined);
      },
      () => {
        condition?.(this.#objects.get(key));
        this.#replace(key, undefined);
      },
    );
  }

  async begin(upload: Upload): Promise<void> {
    const { id, key, startedAt, headers, tags, checksum } = upload;
    await this.#folders?.uploads.write(id, { id, key, startedAt, headers, tags, checksum });
    this.#uploads.set(id, upload);
  }

  /** @returns false when the upload was ended meanwhile. */
  async putPart(upload: Upload, number: number, part: StoredPart): Promise<boolean> {
    let isOpen = true;
    await this.#serially(`${upload.id}.${number}`, async () => {
      isOpen = this.#uploads.has(upload.id);
      if (!isOpen) return;
      await this.#folders?.uploads.write(`${upload.id}.${number}`, { number, ...partRecord(part) });
      isOpen = this.#uploads.has(upload.id);
      if (!isOpen) {
        await this.#folders?.uploads.remove(`${upload.id}.${number}`);
        return;
      }
      upload.parts.get(number)?.content.release();
      upload.parts.set(number, part);
    });
    return isOpen;
  }

  /** Ends an upload, completed or not: its parts are no longer needed as parts. */
  async end({ id, parts }: Upload): Promise<void> {
    this.#uploads.delete(id);
    await this.#folders?.uploads.remove(id, ...[...parts.keys()].map((number) => `${id}.${number}`));
    for (const { content } of parts.values()) content.release();
  }

  /** Takes what a data folder holds. */
  load(folder: DataFolder): void {
    if (this.#folders === undefined) return;
    for (const [, fields] of this.#folders.objects.readAll()) {
      const { key, pieces, ...object } = fields as ObjectRecord;
      this.#replace(key, {
        ...object,
        content: contentOf(folder, pieces),
        checksum: object.checksum,
        parts: object.parts,
      });
    }
    const records = this.#folders.uploads.readAll();
    for (const [name, fields] of records) {
      if (name.includes(".")) continue;
      const upload = fields as Omit<Upload, "parts">;
      this.#uploads.set(upload.id, { ...upload, parts: new Map() });
    }
    for (const [name, fields] of records) {
      const upload = this.#uploads.get(name.split(".")[0] ?? "");
      const { number, pieces, ...part } = fields as PartRecord;
      if (!name.includes(".")) continue;
      if (upload === undefined) {
        // Of an upload that was being ended; another one may get its id.
        this.#folders.uploads.removeNow(name);
        continue;
      }
      upload.parts.set(number, { ...part, content: contentOf(folder, pieces), checksum: part.checksum });
    }
  }

  #replace(key: string, object: StoredObject | undefined): void {
    const existing = this.#objects.get(key);
    if (object === undefined) this.#objects.delete(key);
    else this.#objects.set(key, Object.freeze(object));
    if (existing === undefined && object !== undefined) this.#keys.add(key);
    if (existing !== undefined && object === undefined) this.#keys.remove(key);
    existing?.content.release();
  }

  /** In memory a change is made at once; on disk one after the other. */
  #change(
    key: string,
    durably: (records: RecordFolder, name: string) => Promise<void>,
    atOnce: () => void,
  ): Promise<void> | undefined {
    if (this.#folders === undefined) return void atOnce();
    const { objects } = this.#folders;
    return this.#serially(`object ${key}`, () => durably(objects, fileNameOf(key)));
  }

  async #serially(name: string, change: () => Promise<void>): Promise<void> {
    const before = this.#writing.get(name);
    const done = before === undefined ? change() : before.then(change, change);
    this.#writing.set(name, done);
    try {
      await done;
    } finally {
      if (this.#writing.get(name) === done) this.#writing.delete(name);
    }
  }
}

type PieceRecord = readonly [file: string, size: number];

type ObjectRecord = Omit<StoredObject, "content"> & { readonly key: string; readonly pieces: readonly PieceRecord[] };
type PartRecord = Omit<StoredPart, "content"> & { readonly number: number; readonly pieces: readonly PieceRecord[] };

function objectRecord({ content, ...object }: StoredObject): Omit<ObjectRecord, "key"> {
  return { ...object, pieces: pieceRecords(content) };
}

function partRecord({ content, ...part }: StoredPart): Omit<PartRecord, "number"> {
  return { ...part, pieces: pieceRecords(content) };
}

function pieceRecords({ pieces }: Content): PieceRecord[] {
  return pieces.map(({ file, size }) => [file ?? "", size]);
}

function contentOf(folder: DataFolder, pieces: readonly PieceRecord[]): Content {
  return new Content(pieces.map(([file, size]) => folder.piece(file, size)));
}

export class Store {
  readonly #folder: DataFolder | undefined;
  readonly #buckets = new Map<string, Bucket>();
  readonly #creating = new Map<string, Promise<Bucket>>();

  /** @param folder where everything is kept; undefined: in memory. */
  constructor(folder?: DataFolder) {
    this.#folder = folder;
    if (folder === undefined) return;
    for (const name of folder.bucketNames()) {
      const [[, fields] = []] = folder.folder(name).readAll();
      const bucket = new Bucket(name, (fields as { createdAt: number }).createdAt, foldersOf(folder, name));
      bucket.load(folder);
      this.#buckets.set(name, bucket);
    }
    folder.removeLeftovers();
  }

  find(name: string): Bucket | undefined {
    return this.#buckets.get(name);
  }

  /** The bucket of that name, created if need be. */
  async create(name: string, createdAt: number): Promise<Bucket> {
    const existing = this.#buckets.get(name);
    if (existing !== undefined) return existing;
    const creating = this.#creating.get(name) ?? this.#create(name, createdAt);
    this.#creating.set(name, creating);
    try {
      return await creating;
    } finally {
      this.#creating.delete(name);
    }
  }

  async delete(name: string): Promise<void> {
    const bucket = this.#buckets.get(name);
    this.#buckets.delete(name);
    await this.#folder?.deleteBucket(name);
    for (const upload of bucket?.uploads.values() ?? []) {
      for (const { content } of upload.parts.values()) content.release();
    }
  }

  list(): readonly Bucket[] {
    return [...this.#buckets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  stage(): Stage {
    return this.#folder?.stage() ?? new MemoryStage();
  }

  /** Bytes of one body that can be taken: S3's limit for one request, or what a process can hold. */
  get mostBodyBytes(): number {
    return this.#folder === undefined ? 1 << 30 : 5 * (1 << 30);
  }

  async #create(name: string, createdAt: number): Promise<Bucket> {
    await this.#folder?.createBucket(name, { createdAt });
    const bucket = new Bucket(name, createdAt, this.#folder && foldersOf(this.#folder, name));
    this.#buckets.set(name, bucket);
    return bucket;
  }
}

function foldersOf(folder: DataFolder, bucket: string): Folders {
  return { objects: folder.folder(bucket, "objects"), uploads: folder.folder(bucket, "uploads") };
}
