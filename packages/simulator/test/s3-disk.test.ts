import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  S3Client,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { InvalidInputError } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { identityOf, imdsOf } from "./instance.js";
import { MIB } from "./s3-wire.js";

const Bucket = "reports";

const SERVER = new URL("./s3-disk-server.mjs", import.meta.url).pathname;

/** Where a process is the first of its own world, as in a container, and ends with who started it. */
const CONTAINER = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child"] as const;
const hasNamespaces = spawnSync(CONTAINER[0], [...CONTAINER.slice(1), "true"]).status === 0;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "evertoken-data-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** S3 on that folder until the end of the test or of `close`, and a client of it. */
async function opened(dataDir: string) {
  const simulator = await startSimulator({ dataDir });
  onTestFinished(() => simulator.close());
  const s3 = new S3Client({
    ...{ region: "us-east-1", endpoint: simulator.s3Url, forcePathStyle: true, maxAttempts: 1 },
    credentials: identityOf(await imdsOf(simulator).credentials()),
  });
  onTestFinished(() => s3.destroy());
  return { s3, close: () => simulator.close() };
}

const read = async (s3: S3Client, Key: string) =>
  Buffer.from((await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body?.transformToByteArray()) ?? []);

const contentFiles = (dataDir: string) => readdirSync(join(dataDir, "content"));

describe("a data folder", () => {
  it("gives back after a restart everything that was said about an object", async () => {
    const dataDir = folder();
    const first = await opened(dataDir);
    const Body = randomBytes(3 * MIB);
    const keys = ["plain", "a key/with ünicode", "k".repeat(1024), "../../escape", "~", "a\nb"];
    for (const Key of keys) {
      await first.s3.send(
        new PutObjectCommand({
          ...{ Bucket, Key, Body, ChecksumAlgorithm: "SHA256", Tagging: "team=payments&__proto__=x" },
          ...{ Metadata: { owner: "billing" }, ContentType: "text/csv", StorageClass: "STANDARD_IA" },
        }),
      );
    }
    const told = async (s3: S3Client) => {
      const heads = [];
      for (const Key of keys) {
        const { $metadata: _, ...head } = await s3.send(
          new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }),
        );
        const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
        heads.push({ ...head, TagSet });
      }
      const { Contents } = await s3.send(new ListObjectsV2Command({ Bucket, EncodingType: "url" }));
      const { Buckets } = await s3.send(new ListBucketsCommand());
      return { heads, Contents, Buckets };
    };
    const before = await told(first.s3);
    await first.close();

    const second = await opened(dataDir);

    expect(await told(second.s3)).toEqual(before);
    for (const key of keys) expect((await read(second.s3, key)).equals(Body)).toBe(true);
  });

  it("gives back uploads under way, which can be gone on with", async () => {
    const dataDir = folder();
    const first = await opened(dataDir);
    const upload = { Bucket, Key: "key" };
    const { UploadId } = await first.s3.send(
      new CreateMultipartUploadCommand({ ...upload, Metadata: { owner: "billing" }, Tagging: "team=payments" }),
    );
    const [big, rest] = [randomBytes(5 * MIB), Buffer.from("rest")];
    await first.s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: big }));
    await first.close();

    const second = await opened(dataDir);
    await second.s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 2, Body: rest }));
    const { UploadId: another } = await second.s3.send(new CreateMultipartUploadCommand(upload));
    const { Parts = [] } = await second.s3.send(new ListPartsCommand({ ...upload, UploadId }));
    const MultipartUpload = { Parts: Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) };
    await second.s3.send(new CompleteMultipartUploadCommand({ ...upload, UploadId, MultipartUpload }));
    await second.close();

    const third = await opened(dataDir);
    expect((await read(third.s3, "key")).equals(Buffer.concat([big, rest]))).toBe(true);
    const { Metadata } = await third.s3.send(new HeadObjectCommand(upload));
    expect(Metadata).toEqual({ owner: "billing" });
    const { Uploads } = await third.s3.send(new ListMultipartUploadsCommand({ Bucket }));
    expect(Uploads?.map((listed) => listed.UploadId)).toEqual([another]);
    expect(another).not.toBe(UploadId);
  });

  it("holds the bytes once, however many copies there are, and none when the last has gone", async () => {
    const dataDir = folder();
    const { s3 } = await opened(dataDir);
    await s3.send(new PutObjectCommand({ Bucket, Key: "a", Body: "content" }));
    await s3.send(new CopyObjectCommand({ Bucket, Key: "b", CopySource: `${Bucket}/a` }));
    await s3.send(
      new PutObjectTaggingCommand({ Bucket, Key: "b", Tagging: { TagSet: [{ Key: "team", Value: "payments" }] } }),
    );
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "c" }));
    await s3.send(new UploadPartCommand({ Bucket, Key: "c", UploadId, PartNumber: 1, Body: "part" }));
    expect(contentFiles(dataDir)).toHaveLength(2);

    await s3.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    expect((await read(s3, "b")).toString()).toBe("content");
    await s3.send(new PutObjectCommand({ Bucket, Key: "b", Body: "" }));
    await s3.send(new DeleteObjectCommand({ Bucket, Key: "b" }));
    await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: "c", UploadId }));

    // Files go behind the answer.
    await expect.poll(() => contentFiles(dataDir)).toEqual([]);
    await s3.send(new DeleteBucketCommand({ Bucket }));
    expect(readdirSync(join(dataDir, "buckets"))).toEqual([]);
  });

  it("holds nothing of a write that was refused", async () => {
    const dataDir = folder();
    const { s3 } = await opened(dataDir);
    await s3.send(new CreateBucketCommand({ Bucket }));

    const write = s3.send(new PutObjectCommand({ Bucket, Key: "key", Body: "content", ChecksumCRC32: "AAAAAA==" }));

    await expect(write).rejects.toMatchObject({ name: "BadDigest" });
    await expect.poll(() => contentFiles(dataDir)).toEqual([]);
    expect(readdirSync(join(dataDir, "buckets", Bucket, "objects"))).toEqual([]);
  });

  it("does not give leftovers of an upload that was being ended to another one", async () => {
    const dataDir = folder();
    const first = await opened(dataDir);
    const upload = { Bucket, Key: "key" };
    const { UploadId } = await first.s3.send(new CreateMultipartUploadCommand(upload));
    await first.s3.send(new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: "part" }));
    await first.close();
    // As if the process had been killed when the first of the upload's records was gone.
    rmSync(join(dataDir, "buckets", Bucket, "uploads", `${UploadId}.json`));

    await (await opened(dataDir)).close();

    expect(readdirSync(join(dataDir, "buckets", Bucket, "uploads"))).toEqual([]);
    expect(contentFiles(dataDir)).toEqual([]);
  });

  it("takes a large body as it comes, and gives any range of it", async () => {
    const { s3 } = await opened(folder());
    const Body = Buffer.alloc(64 * MIB, "x");
    await s3.send(new PutObjectCommand({ Bucket, Key: "key", Body }));

    const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: "key" }));
    const tail = await s3.send(new GetObjectCommand({ Bucket, Key: "key", Range: "bytes=-5" }));

    expect(ETag).toBe(`"${createHash("md5").update(Body).digest("hex")}"`);
    expect(await tail.Body?.transformToString()).toBe("xxxxx");
  });
});

describe("a data folder is refused", () => {
  it("while another simulator has it, also one of this process, and taken when that has ended", async () => {
    const dataDir = folder();
    const first = await opened(dataDir);

    await expect(startSimulator({ dataDir })).rejects.toThrow(/dataDir .* is in use by process \d+/);
    await first.close();

    await (await opened(dataDir)).close();
  });

  it("while a process has it, and no longer when that was killed", async () => {
    const dataDir = folder();
    const { child } = await process(dataDir);

    await expect(startSimulator({ dataDir })).rejects.toThrow(`is in use by process ${child.pid}: end it`);
    await killed(child);
    await (await opened(dataDir)).close();

    expect(readdirSync(dataDir).sort()).toEqual(["buckets", "content", "evertoken-s3.json"]);
  });

  it.skipIf(!hasNamespaces)("by containers that share it, in each of which the process has the same id", async () => {
    const dataDir = folder();
    const { child } = await process(dataDir, CONTAINER);

    const second = spawn(CONTAINER[0], [...CONTAINER.slice(1), globalThis.process.execPath, SERVER, dataDir]);
    let said = "";
    second.stderr.on("data", (text) => {
      said += text;
    });
    await new Promise((resolve) => second.once("exit", resolve));

    expect(said).toContain("is in use by process 1:");
    child.kill();
  });

  it("but by one of those that start in the same moment", async () => {
    const dataDir = folder();

    const starts = await Promise.allSettled(Array.from({ length: 6 }, () => opened(dataDir)));

    const problems = starts.flatMap((start) => (start.status === "rejected" ? [String(start.reason)] : []));
    expect(problems).toHaveLength(5);
    for (const problem of problems) expect(problem).toContain(`is in use by process ${globalThis.process.pid}`);
  });

  it("not for a path that is longer than the address of a socket", async () => {
    const dataDir = join(folder(), "d".repeat(120));

    const first = await opened(dataDir);
    await expect(startSimulator({ dataDir })).rejects.toThrow(/is in use by process \d+/);
    await first.close();

    await (await opened(dataDir)).close();
  });

  it.each([
    [`${SERVER}/inside`, "cannot be used: ENOTDIR"],
    [SERVER, "cannot be used: ENOTDIR"],
    // Where the recursive mkdir of Node.js never returns.
    ["/proc/x", "cannot be used: ENOENT"],
    ["/proc/x/y", "cannot be used: ENOENT"],
  ])("when it cannot be one: %s", async (dataDir, says) => {
    await expect(startSimulator({ dataDir })).rejects.toThrow(InvalidInputError);
    await expect(startSimulator({ dataDir })).rejects.toThrow(`dataDir ${dataDir} ${says}`);
  });

  it("when it holds something else, which stays as it is", async () => {
    const dataDir = folder();
    writeFileSync(join(dataDir, "thesis.txt"), "dear");

    await expect(startSimulator({ dataDir })).rejects.toThrow(/is a folder of other files/);

    expect(readdirSync(dataDir)).toEqual(["thesis.txt"]);
  });

  it("and is free again when the start fails for another reason", async () => {
    const dataDir = folder();
    const taken = await startSimulator();
    onTestFinished(() => taken.close());

    await expect(startSimulator({ dataDir, s3Port: Number(new URL(taken.s3Url).port) })).rejects.toThrow(/in use/);

    await (await opened(dataDir)).close();
  });
});

/** S3 in a process of its own, started by `by`. */
async function process(dataDir: string, by: readonly string[] = []) {
  const [command = "", ...rest] = [...by, globalThis.process.execPath, SERVER, dataDir];
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (bytes: Buffer) => resolve(bytes.toString()));
    child.once("exit", (code) => reject(new Error(`it ended with ${code}`)));
  });
  const { s3Url, imdsUrl } = JSON.parse(line);
  const credentials = identityOf(await imdsOf({ imdsUrl, s3Url } as Parameters<typeof imdsOf>[0]).credentials());
  const client = { region: "us-east-1", endpoint: s3Url, forcePathStyle: true, maxAttempts: 1, credentials };
  return { child, s3: new S3Client(client) };
}

const killed = (child: ChildProcess) =>
  new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGKILL");
  });

describe("a process that is killed while clients write", { timeout: 60_000 }, () => {
  const hash = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

  /** What a client knows of a key: what was acknowledged last, and what it has begun since. */
  interface Known {
    acknowledged: string | undefined;
    readonly begun: Set<string | undefined>;
  }

  it("has lost nothing that it acknowledged, and everything there is is whole", async () => {
    const dataDir = folder();
    const known = new Map<string, Known>();
    let acknowledged = 0;

    /** Writes over and over, in many ways, until the server has gone. */
    async function writer(s3: S3Client, name: string) {
      for (let round = 0; ; round++) {
        const Key = `${name}/${round % 5}`;
        const entry = known.get(Key) ?? { acknowledged: undefined, begun: new Set() };
        known.set(Key, entry);
        const Body = randomBytes(round % 3 === 0 ? 300_000 : 500);
        const wanted = round % 7 === 6 ? undefined : hash(Body);
        entry.begun.add(wanted);
        if (wanted === undefined) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
        else if (round % 4 === 3) await inParts(s3, Key, Body);
        else await s3.send(new PutObjectCommand({ Bucket, Key, Body, Metadata: { hash: wanted } }));
        entry.acknowledged = wanted;
        entry.begun.clear();
        acknowledged += 1;
      }
    }

    async function inParts(s3: S3Client, Key: string, Body: Buffer) {
      const Metadata = { hash: hash(Body) };
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata }));
      const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body }));
      const MultipartUpload = { Parts: [{ PartNumber: 1, ETag }] };
      await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }));
    }

    for (let life = 0; life < 6; life++) {
      const { child, s3 } = await process(dataDir);
      const before = acknowledged;
      // The moment is one of the writes', so that a slow host is killed in the midst of them too.
      const enough = 20 + Math.floor(Math.random() * 60);
      const writers = Array.from({ length: 6 }, (_, at) => writer(s3, `writer-${at}`).catch(() => {}));
      while (acknowledged - before < enough) await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
      await killed(child);
      await Promise.all(writers);
      s3.destroy();

      const room = await opened(dataDir);
      const { Contents = [] } = await room.s3.send(new ListObjectsV2Command({ Bucket }));
      for (const [Key, { acknowledged: last, begun }] of known) {
        const isThere = Contents.some((listed) => listed.Key === Key);
        const found = isThere ? hash(await read(room.s3, Key)) : undefined;
        // What was begun and not acknowledged may have been done, or not; never by halves.
        expect([last, ...begun], Key).toContain(found);
        if (isThere) {
          const { Metadata } = await room.s3.send(new HeadObjectCommand({ Bucket, Key }));
          expect(Metadata?.hash).toBe(found);
        }
        known.set(Key, { acknowledged: found, begun: new Set() });
      }
      await room.close();
      expect(readdirSync(join(dataDir, "buckets", Bucket, "objects")).filter((name) => name.endsWith(".tmp"))).toEqual(
        [],
      );
    }
    expect(acknowledged).toBeGreaterThan(100);
    expect(existsSync(join(dataDir, "evertoken-s3.json"))).toBe(true);
  });
});
