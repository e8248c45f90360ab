/**
 * What each fault looks like to a real client: the AWS SDK's provider for instances, the AWS SDK's S3 client, `fetch`.
 * A fault without an entry here does not compile; those of the container endpoint and STS are in
 * `each-fault-of-credential-services.test.ts`.
 */

import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { type ActiveFault, FAULTS, type FaultName, type FaultOptions, startSimulator } from "@evertoken/simulator";
import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import { expect, it, onTestFinished, vi } from "vitest";
import { CREDENTIALS, HOUR, imdsOf, s3Of } from "./instance.js";
import { failing } from "./while-it-lasts.js";

const OBJECT = { Bucket: "reports", Key: "2026/november.csv" };
const CONTENT = "a,b\n".repeat(500);

/** Gives up soon, so that a test need not wait for as long as a program would. */
const IMPATIENT_MS = 150;

/** Longer than anybody here waits. */
const LATE_MS = 60_000;

interface Scene {
  readonly clock: VirtualClock;
  readonly imds: ReturnType<typeof imdsOf>;
  readonly s3: S3Client;
  readonly start: (options?: FaultOptions) => ActiveFault;
  /** The SDK's provider, a new one each time. */
  readonly credentials: (timeout?: number) => ReturnType<ReturnType<typeof fromInstanceMetadata>>;
  readonly put: () => Promise<unknown>;
  readonly read: () => Promise<string>;
}

async function sceneOf(name: FaultName): Promise<Scene> {
  const clock = new VirtualClock({ realNetwork: true });
  const simulator = await startSimulator({ clock });
  onTestFinished(() => simulator.close());
  vi.stubEnv("AWS_EC2_METADATA_SERVICE_ENDPOINT", simulator.imdsUrl);
  onTestFinished(() => void vi.unstubAllEnvs());
  const requestHandler = { requestTimeout: 2000, throwOnRequestTimeout: true };
  const s3 = await s3Of(simulator, { requestHandler, logger: silent });
  await s3.send(new PutObjectCommand({ ...OBJECT, Body: CONTENT }));
  return {
    clock,
    imds: imdsOf(simulator),
    s3,
    start: (options) => simulator.fault(name, options),
    credentials: (timeout = 2000) => fromInstanceMetadata({ timeout, logger: silent })(),
    put: () => s3.send(new PutObjectCommand({ ...OBJECT, Key: "another", Body: CONTENT })),
    read: async () => (await s3.send(new GetObjectCommand(OBJECT))).Body?.transformToString() ?? "",
  };
}

const nothing = () => {};
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

const impatient = { requestTimeout: IMPATIENT_MS };

const fails = failing<Scene>;

const load = ({ credentials }: Scene) => credentials();
const loadImpatiently = ({ credentials }: Scene) => credentials(IMPATIENT_MS);
const put = (scene: Scene) => scene.put();
const read = (scene: Scene) => scene.read();
const list = ({ s3 }: Scene) => s3.send(new ListObjectsV2Command(OBJECT));
const copy = ({ s3 }: Scene) =>
  s3.send(new CopyObjectCommand({ ...OBJECT, Key: "copy", CopySource: `${OBJECT.Bucket}/${OBJECT.Key}` }));

/** What `fetch` sees of a document, piece by piece. */
async function pieces({ imds }: Scene): Promise<number> {
  const answer = await imds.get("/latest/dynamic/instance-identity/document", await imds.token());
  let count = 0;
  for await (const _ of answer.body ?? []) count += 1;
  return count;
}

const refusedByImds = (statusCode: number) => ({ name: "ProviderError", statusCode });
const noAnswer = { message: "TimeoutError from instance metadata service" };
const invalid = { message: "Invalid response received from instance metadata service." };
const refusedByS3 = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });
const disconnected = { code: "ECONNRESET" };

type Elsewhere = `container-${string}` | `sts-${string}`;
type SeenHere = Exclude<FaultName, Elsewhere>;

const SEEN: Readonly<Record<SeenHere, (scene: Scene) => Promise<void>>> = {
  "imds-down": fails(load, disconnected),
  "imds-refused": fails(load, { code: "ECONNREFUSED" }),
  "imds-black-hole": fails(loadImpatiently, noAnswer),
  "imds-reset": fails(load, disconnected),
  "imds-slow": fails(loadImpatiently, noAnswer, { delayMs: LATE_MS }),
  "imds-slow-at-times": fails(loadImpatiently, noAnswer, { delayMs: LATE_MS, p99Ms: LATE_MS + 1 }),
  // The session token's head counts as an answer, so it is what comes after the head that is too late.
  "imds-body-late": fails(loadImpatiently, { name: "ProviderError" }, { delayMs: LATE_MS }),
  async "imds-drip"(scene) {
    const whole = await pieces(scene);
    scene.start({ bytesPerSecond: 1000 });

    expect(whole).toBe(1);
    expect(await pieces(scene)).toBeGreaterThan(2);
  },
  async "imds-error"(scene) {
    await fails(load, refusedByImds(429), { status: 429, retryAfterSeconds: 7 })(scene);
    scene.start({ status: 503, retryAfterSeconds: 7 });

    expect((await scene.imds.get(CREDENTIALS, "any")).headers.get("retry-after")).toBe("7");
  },
  "imds-empty": fails(load, { name: "SyntaxError" }),
  // The SDK's own provider would wait for ever: it does not listen for the end of a connection while an answer comes.
  "imds-truncated": fails(({ imds }) => imds.credentials(), { message: "terminated" }),
  // A page is no session token: it cannot even be put into a header.
  "imds-html": fails(load, { code: "ERR_INVALID_CHAR" }),
  async "imds-token-fails-once"({ start, credentials }) {
    start();

    // The SDK goes on without a session token, and is refused.
    await expect(credentials()).rejects.toMatchObject(refusedByImds(401));
    await expect(credentials()).resolves.toBeTruthy();
  },
  "imds-token-unanswered": fails(loadImpatiently, refusedByImds(401)),
  "imds-token-empty": fails(load, refusedByImds(401)),
  async "imds-token-refused"({ start, imds }) {
    start();
    const provider = fromInstanceMetadata({ logger: silent });

    await expect(provider()).rejects.toMatchObject(refusedByImds(401));
    const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
    expect((await imds.request("PUT", "/latest/api/token", ttl)).status).toBe(403);
  },
  "imds-tokens-rejected": fails(load, refusedByImds(401)),
  async "session-tokens-forgotten"({ start, imds }) {
    const before = await imds.token();
    start();

    expect((await imds.get(CREDENTIALS, before)).status).toBe(401);
    expect((await imds.get(CREDENTIALS)).status).toBe(200);
  },
  async "imds-throttled"({ start, credentials }) {
    start({ perSecond: 3 });

    // Three requests each.
    const outcomes = await Promise.allSettled([credentials(), credentials(), credentials()]);

    expect(outcomes.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  },
  "role-detached": fails(load, refusedByImds(404)),
  async "credentials-revoked"({ start, put, credentials, s3 }) {
    start();

    await expect(put()).rejects.toMatchObject(refusedByS3("ExpiredToken", 400));
    expect((await credentials()).accessKeyId).not.toBe((await s3.config.credentials()).accessKeyId);
  },
  async "credentials-end-early"({ start, put, clock }) {
    start({ seconds: 60 });

    await put();
    await clock.advance(60_000);

    await expect(put()).rejects.toMatchObject(refusedByS3("ExpiredToken", 400));
  },
  async "credentials-known-late"({ start, put, clock }) {
    start({ seconds: 60 });

    await expect(put()).rejects.toMatchObject(refusedByS3("InvalidAccessKeyId", 403));
    await clock.advance(60_000);

    await put();
  },
  async "credentials-stuck"({ start, credentials, clock }) {
    const first = await credentials();
    const fault = start();

    await clock.advance(3 * HOUR);
    expect((await credentials()).accessKeyId).toBe(first.accessKeyId);
    fault.end();

    expect((await credentials()).accessKeyId).not.toBe(first.accessKeyId);
  },
  async "credentials-rotated-late"({ start, credentials, clock }) {
    start({ seconds: 30 });
    const first = await credentials();

    await clock.advance(6 * HOUR - 35_000);
    expect((await credentials()).accessKeyId).toBe(first.accessKeyId);
    await clock.advance(6000);

    expect((await credentials()).accessKeyId).not.toBe(first.accessKeyId);
  },
  async "credentials-alternate"({ start, credentials, clock }) {
    start();
    const ids = [(await credentials()).accessKeyId];
    await clock.advance(2 * HOUR);

    for (let answer = 0; answer < 4; answer++) ids.push((await credentials()).accessKeyId);

    const [old, , current] = ids;
    expect(current).not.toBe(old);
    expect(ids).toEqual([old, old, current, old, current]);
  },
  async "credentials-expired"({ start, imds, clock }) {
    start({ seconds: 90 });

    const { Expiration: expiration } = await imds.credentials();

    expect(Date.parse(expiration) - clock.now()).toBeLessThanOrEqual(-90_000);
  },
  async "credentials-short-lived"({ start, credentials, clock }) {
    start({ seconds: 120 });

    const first = await credentials();
    expect(first.expiration?.getTime()).toBeLessThanOrEqual(clock.now() + 120_000);
    expect((await credentials()).accessKeyId).toBe(first.accessKeyId);
    await clock.advance(120_000);

    expect((await credentials()).accessKeyId).not.toBe(first.accessKeyId);
  },
  async "credentials-code"({ start, credentials, imds }) {
    start({ code: "AssumeRoleUnauthorizedAccess" });

    await expect(credentials()).rejects.toMatchObject(invalid);
    expect(await imds.credentials()).toMatchObject({ Code: "AssumeRoleUnauthorizedAccess" });
  },
  async "credentials-malformed-date"({ start, credentials }) {
    start();

    // Taken all the same: to this SDK they never end.
    expect((await credentials()).expiration?.getTime()).toBeNaN();
  },
  "credentials-without-date": fails(load, invalid),
  "credentials-incomplete": fails(load, invalid),
  "credentials-malformed": fails(load, { name: "SyntaxError" }),
  "s3-down": fails(put, disconnected),
  "s3-refused": fails(({ s3 }) => s3.send(new ListBucketsCommand(), impatient), {
    code: expect.stringMatching(/^ECONN/),
  }),
  "s3-black-hole": fails(({ s3 }) => s3.send(new ListBucketsCommand(), impatient), { name: "TimeoutError" }),
  "s3-reset": fails(put, disconnected),
  "s3-slow": fails(
    ({ s3 }) => s3.send(new ListBucketsCommand(), impatient),
    { name: "TimeoutError" },
    { delayMs: LATE_MS },
  ),
  "s3-slow-at-times": fails(
    ({ s3 }) => s3.send(new ListBucketsCommand(), impatient),
    { name: "TimeoutError" },
    { delayMs: LATE_MS, p99Ms: LATE_MS + 1 },
  ),
  async "s3-body-late"({ start, s3 }) {
    start({ delayMs: 200 });

    const { Body, ContentLength } = await s3.send(new GetObjectCommand(OBJECT));
    const headAt = performance.now();
    await Body?.transformToByteArray();

    expect(ContentLength).toBe(CONTENT.length);
    expect(performance.now() - headAt).toBeGreaterThan(100);
  },
  async "s3-drip"({ start, s3 }) {
    start({ bytesPerSecond: 5000 });

    const { Body } = await s3.send(new GetObjectCommand(OBJECT));
    const sizes: number[] = [];
    for await (const chunk of Body as AsyncIterable<Buffer>) sizes.push(chunk.length);

    expect(sizes.reduce((sum, size) => sum + size)).toBe(CONTENT.length);
    expect(Math.max(...sizes)).toBeLessThan(CONTENT.length);
  },
  "s3-error": fails(put, refusedByS3("InternalError", 500)),
  async "s3-empty"({ start, put }) {
    start();

    // The SDK takes it for success.
    expect(await put()).not.toHaveProperty("ETag");
  },
  "s3-truncated": fails(read, disconnected),
  async "s3-html"({ start, read, s3 }) {
    start();

    // A proxy's page passes for an object, and for an empty list.
    expect(await read()).toContain("<h1>Please sign in");
    expect(await s3.send(new ListObjectsV2Command(OBJECT))).not.toHaveProperty("Contents");
  },
  "s3-expired-token": fails(put, refusedByS3("ExpiredToken", 400)),
  "s3-token-refresh-required": fails(list, refusedByS3("TokenRefreshRequired", 400)),
  "s3-access-denied": fails(read, refusedByS3("AccessDenied", 403)),
  "s3-slow-down": fails(put, refusedByS3("SlowDown", 503)),
  async "s3-refuses-early"({ start, s3 }) {
    start();

    // So large that the SDK asks before it sends, and this much is never sent.
    const large = s3.send(new PutObjectCommand({ ...OBJECT, Body: Buffer.alloc(4 << 20) }));

    await expect(large).rejects.toMatchObject(refusedByS3("SlowDown", 503));
  },
  "s3-request-timeout": fails(put, refusedByS3("RequestTimeout", 400)),
  "s3-cuts-uploads": fails(put, disconnected),
  async "s3-answer-lost"({ start, s3 }) {
    const written = { ...OBJECT, Key: "written" };
    const fault = start();

    await expect(s3.send(new PutObjectCommand({ ...written, Body: "b" }))).rejects.toMatchObject(disconnected);
    fault.end();

    await expect(s3.send(new HeadObjectCommand(written))).resolves.toMatchObject({ ContentLength: 1 });
  },
  "s3-error-inside-200": fails(copy, { name: "InternalError" }),
  async "s3-wrong-etag"({ start, s3 }) {
    const { ETag: right } = await s3.send(new HeadObjectCommand(OBJECT));
    start();

    const { ETag: wrong } = await s3.send(new HeadObjectCommand(OBJECT));

    expect(wrong).toMatch(/^"[0-9a-f]{32}"$/);
    expect(wrong).not.toBe(right);
  },
  "s3-corrupts-downloads": fails(read, { message: expect.stringContaining("Checksum mismatch") }),
  async "s3-clock-ahead"({ start, put }) {
    start();

    // The SDK learns from the refusal, and is right the next time.
    await expect(put()).rejects.toMatchObject(refusedByS3("RequestTimeTooSkewed", 403));
    await put();
  },
  async "s3-clock-behind"({ start, put }) {
    start({ seconds: 1200 });

    await expect(put()).rejects.toMatchObject(refusedByS3("RequestTimeTooSkewed", 403));
    await put();
  },
};

const here = Object.entries(FAULTS).filter(([name]) => !/^(?:container|sts)-/.test(name));

it.each(here)("%s", async (name) => {
  const scene = await sceneOf(name as FaultName);

  await SEEN[name as SeenHere](scene);
});

it("there are at least thirty", () => {
  expect(Object.keys(FAULTS).length).toBeGreaterThanOrEqual(30);
});
