import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { GetObjectCommand, PutObjectCommand, paginateListObjectsV2 } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { InvalidInputError } from "@evertoken/core";
import { createKeeper, fromImds, fromProvider } from "@evertoken/credentials";
import { createS3Pool, type S3PoolOptions, UrlOutlivesCredentialsError } from "@evertoken/s3";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

const Bucket = "reports";
const MIB = 1_048_576;

async function poolOnSimulator(options: S3PoolOptions = {}) {
  const simulator = await startSimulator();
  const keeper = createKeeper({ source: fromImds({ endpoint: simulator.imdsUrl }) });
  const pool = createS3Pool({
    region: "us-east-1",
    endpoint: simulator.s3Url,
    forcePathStyle: true,
    keeper,
    ...options,
  });
  onTestFinished(async () => {
    await pool.close({ drainMs: 100 });
    keeper.close();
    await simulator.close();
  });
  return { simulator, keeper, pool };
}

/** `count` MiB that are not kept anywhere, and the digest of what has been read. */
function streamOf(count: number, onMib: (index: number) => void = () => {}) {
  const hash = createHash("sha256");
  const block = randomBytes(MIB);
  const stream = Readable.from(
    (function* () {
      for (let index = 0; index < count; index++) {
        block.writeUInt32BE(index);
        onMib(index);
        const copy = Buffer.from(block);
        hash.update(copy);
        yield copy;
      }
    })(),
  );
  return { stream, digest: () => hash.digest("hex") };
}

async function digestOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of body ?? []) hash.update(chunk);
  return hash.digest("hex");
}

describe("work that lasts longer than credentials", () => {
  it("uploads 256 MiB in parts while credentials rotate and are revoked in the middle", async () => {
    const { simulator, keeper, pool } = await poolOnSimulator();
    const { stream, digest } = streamOf(256, (index) => {
      if (index === 60 || index === 180) simulator.fault("credentials-revoked");
      if (index === 120) void keeper.refresh();
    });

    await pool.lease((client) =>
      new Upload({ client, params: { Bucket, Key: "large", Body: stream }, partSize: 8 * MIB, queueSize: 4 }).done(),
    );

    const { Body, ContentLength } = await pool.send(new GetObjectCommand({ Bucket, Key: "large" }));
    expect(ContentLength).toBe(256 * MIB);
    expect(await digestOf(Body as Readable)).toBe(digest());
    expect(pool.stats().surfaced).toBe(0);
    expect(pool.stats().replayed).toBeGreaterThanOrEqual(2);
    expect(keeper.status().generation).toBeGreaterThanOrEqual(3);
  });

  it("lists fifty pages while credentials are revoked between them", async () => {
    const { simulator, pool } = await poolOnSimulator();
    for (let key = 0; key < 100; key++) {
      await pool.send(new PutObjectCommand({ Bucket, Key: `key-${String(key).padStart(3, "0")}`, Body: "x" }));
    }

    const keys = await pool.lease(async (client) => {
      const found: (string | undefined)[] = [];
      let pages = 0;
      for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket })) {
        pages += 1;
        if (pages % 10 === 0) simulator.fault("credentials-revoked");
        found.push(...(page.Contents ?? []).map(({ Key }) => Key));
      }
      expect(pages).toBe(50);
      return found;
    });

    expect(new Set(keys).size).toBe(100);
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 4, surfaced: 0 });
  });
});

describe("a stream sent through a pool", () => {
  it("may be of any size when S3 refuses it before it is sent", async () => {
    const { simulator, pool } = await poolOnSimulator();
    await pool.send(new PutObjectCommand({ Bucket, Key: "warm", Body: "x" }));
    simulator.fault("credentials-revoked");
    const { stream, digest } = streamOf(8);

    await pool.send(new PutObjectCommand({ Bucket, Key: "key", Body: stream, ContentLength: 8 * MIB }));

    const { Body } = await pool.send(new GetObjectCommand({ Bucket, Key: "key" }));
    expect(await digestOf(Body as Readable)).toBe(digest());
    expect(pool.stats()).toMatchObject({ failed: 0, replayed: 1, surfaced: 0 });
  });

  it("that breaks fails the request with its own error", async () => {
    const { pool } = await poolOnSimulator();
    const broken = Readable.from(
      (function* () {
        yield Buffer.from("con");
        throw new Error("disk on fire");
      })(),
    );

    const sending = pool.send(new PutObjectCommand({ Bucket, Key: "key", Body: broken, ContentLength: 7 }));

    await expect(sending).rejects.toThrow("disk on fire");
  });
});

describe("a presigned URL", () => {
  const get = new GetObjectCommand({ Bucket, Key: "key" });

  it("is signed with the credentials of now, for as long as asked", async () => {
    const { keeper, pool } = await poolOnSimulator();

    const url = new URL(await pool.presign(get, { expiresIn: 3600 }));

    expect(url.pathname).toBe(`/${Bucket}/key`);
    expect(url.searchParams.get("X-Amz-Expires")).toBe("3600");
    expect(url.searchParams.get("X-Amz-Credential")).toContain(keeper.status().accessKeyId);
    expect(url.searchParams.get("X-Amz-Security-Token")).toBe((await keeper.provider()).sessionToken);
  });

  it("asks for fresher credentials when those held would end before it", async () => {
    let lifetimeMs = 600_000;
    const provider = fromProvider(async () => ({
      accessKeyId: `A${lifetimeMs}`,
      secretAccessKey: "secret",
      expiration: new Date(Date.now() + lifetimeMs),
    }));
    const keeper = createKeeper({ source: provider });
    onTestFinished(() => keeper.close());
    const { pool } = await poolOnSimulator({ keeper });
    await pool.presign(get, { expiresIn: 300 });
    lifetimeMs = 7_200_000;

    const url = new URL(await pool.presign(get, { expiresIn: 3600 }));

    expect(url.searchParams.get("X-Amz-Credential")).toMatch(/^A7200000\//);
  });

  it("is refused when no credentials last so long, and says what would be possible", async () => {
    const { pool } = await poolOnSimulator();

    const error = await pool.presign(get, { expiresIn: 604_800 }).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(UrlOutlivesCredentialsError);
    const { longestSeconds, message } = error as UrlOutlivesCredentialsError;
    expect(message).toContain(`end in ${longestSeconds} s`);
    await expect(pool.presign(get, { expiresIn: longestSeconds - 60 })).resolves.toContain("X-Amz-Signature");
  });

  it.each([0, -1, 1.5, 604_801, Number.NaN])("is not made for %d seconds", async (expiresIn) => {
    const { pool } = await poolOnSimulator();

    await expect(pool.presign(get, { expiresIn })).rejects.toThrow(InvalidInputError);
  });
});
