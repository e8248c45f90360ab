/**
 * What each fault of the container endpoint and of STS looks like to a real client: the AWS SDK's provider for containers, its
 * STS client, `fetch`. A fault without an entry here does not compile.
 */

import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromHttp } from "@aws-sdk/credential-providers";
import { VirtualClock } from "@evertoken/core";
import { type ActiveFault, type FaultName, type FaultOptions, startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOUR } from "./instance.js";
import { failing } from "./while-it-lasts.js";

/** Gives up soon, so that a test need not wait for as long as a program would. */
const IMPATIENT_MS = 150;

/** Longer than anybody here waits. */
const LATE_MS = 60_000;

const ROLE = { RoleArn: "arn:aws:iam::123456789012:role/service/reader", RoleSessionName: "tests" };

interface Handed {
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: string | undefined;
  readonly expiration?: Date | undefined;
}

interface Scene {
  readonly clock: VirtualClock;
  readonly start: (options?: FaultOptions) => ActiveFault;
  /** The SDK's provider for containers. */
  readonly load: () => Promise<Handed>;
  readonly assume: () => Promise<Handed>;
  readonly sts: STSClient;
  /** The container endpoint without an SDK, whose provider for it waits for ever. */
  readonly ask: (waitMs?: number) => Promise<Response>;
}

async function sceneOf(name: FaultName): Promise<Scene> {
  const clock = new VirtualClock({ realNetwork: true });
  const simulator = await startSimulator({ clock });
  onTestFinished(() => simulator.close());
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = "", AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization = "" } =
    simulator.environment({ via: "container" });
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = simulator.environment({
    via: "user",
  });
  const sts = new STSClient({
    region: "us-east-1",
    endpoint: simulator.stsUrl,
    maxAttempts: 1,
    credentials: { accessKeyId, secretAccessKey },
    // Long-term keys have no end, and the clock is moved by hours.
    systemClockOffset: clock.now() - Date.now(),
    requestHandler: { requestTimeout: IMPATIENT_MS, throwOnRequestTimeout: true },
  });
  onTestFinished(() => sts.destroy());
  return {
    clock,
    sts,
    start: (options) => simulator.fault(name, options),
    load: () =>
      fromHttp({ awsContainerCredentialsFullUri: uri, awsContainerAuthorizationToken: authorization, maxRetries: 0 })(),
    async assume() {
      sts.config.systemClockOffset = clock.now() - Date.now();
      const { Credentials } = await sts.send(new AssumeRoleCommand(ROLE));
      const { AccessKeyId, SecretAccessKey, Expiration } = Credentials ?? {};
      return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, expiration: Expiration };
    },
    ask: (waitMs = 2000) => fetch(uri, { headers: { authorization }, signal: AbortSignal.timeout(waitMs) }),
  };
}

const fails = failing<Scene>;

/** So many pieces a body comes in, and how long it took after the head. */
async function arrivalOf({ ask }: Scene) {
  const answer = await ask();
  const headAt = performance.now();
  let pieces = 0;
  for await (const _ of answer.body ?? []) pieces += 1;
  return { pieces, ms: performance.now() - headAt };
}

const load = ({ load }: Scene) => load();
const assume = ({ assume }: Scene) => assume();
const askImpatiently = ({ ask }: Scene) => ask(IMPATIENT_MS);

const noCredentials = (message: string) => ({
  name: "CredentialsProviderError",
  message: expect.stringContaining(message),
});
const disconnected = { code: "ECONNRESET" };
const tooLate = { name: "TimeoutError" };

type Name = Extract<FaultName, `container-${string}` | `sts-${string}`>;

const SEEN: Readonly<Record<Name, (scene: Scene) => Promise<void>>> = {
  "container-down": fails(load, noCredentials("socket hang up")),
  "container-refused": fails(load, noCredentials("ECONNREFUSED")),
  // The SDK's own provider waits for ever: its time-out is no more than a warning.
  "container-black-hole": fails(askImpatiently, tooLate),
  "container-reset": fails(load, noCredentials("ECONNRESET")),
  "container-slow": fails(askImpatiently, tooLate, { delayMs: LATE_MS }),
  "container-slow-at-times": fails(askImpatiently, tooLate, { delayMs: LATE_MS, p99Ms: LATE_MS + 1 }),
  async "container-body-late"(scene) {
    scene.start({ delayMs: 200 });

    expect((await arrivalOf(scene)).ms).toBeGreaterThan(100);
  },
  async "container-drip"(scene) {
    const { pieces: whole } = await arrivalOf(scene);
    scene.start({ bytesPerSecond: 1000 });

    expect(whole).toBe(1);
    expect((await arrivalOf(scene)).pieces).toBeGreaterThan(2);
  },
  async "container-error"(scene) {
    await fails(load, noCredentials("status: 429"), { status: 429 })(scene);
    scene.start({ status: 503, retryAfterSeconds: 7 });

    const answer = await scene.ask();
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "7"]);
    expect(await answer.json()).toMatchObject({ code: "ServiceUnavailable", HTTPErrorCode: 503 });
  },
  "container-empty": fails(load, { name: "SyntaxError" }),
  "container-truncated": fails(load, disconnected),
  "container-html": fails(load, { name: "SyntaxError" }),
  "sts-down": fails(assume, disconnected),
  "sts-refused": fails(assume, { code: "ECONNREFUSED" }),
  "sts-black-hole": fails(assume, tooLate),
  "sts-reset": fails(assume, disconnected),
  "sts-slow": fails(assume, tooLate, { delayMs: LATE_MS }),
  "sts-slow-at-times": fails(assume, tooLate, { delayMs: LATE_MS, p99Ms: LATE_MS + 1 }),
  async "sts-body-late"({ start, assume }) {
    start({ delayMs: 2 * IMPATIENT_MS });
    const askedAt = performance.now();

    // The SDK's time-out is over with the head.
    await assume();
    expect(performance.now() - askedAt).toBeGreaterThan(1.5 * IMPATIENT_MS);
  },
  async "sts-drip"({ start, assume }) {
    start({ bytesPerSecond: 5000 });
    const askedAt = performance.now();

    await assume();
    expect(performance.now() - askedAt).toBeGreaterThan(150);
  },
  async "sts-error"(scene) {
    const answered = (name: string, httpStatusCode: number) => ({ name, $metadata: { httpStatusCode } });
    await fails(assume, answered("InternalFailure", 500))(scene);
    await fails(assume, answered("Throttling", 429), { status: 429 })(scene);
    await fails(assume, { $metadata: { requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } })(scene);
  },
  async "sts-empty"({ start, sts }) {
    start();

    // The SDK takes it for success.
    expect(await sts.send(new AssumeRoleCommand(ROLE))).not.toHaveProperty("Credentials");
  },
  "sts-truncated": fails(assume, disconnected),
  async "sts-html"({ start, sts }) {
    start();

    expect(await sts.send(new GetCallerIdentityCommand({}))).not.toHaveProperty("Arn");
  },
};

it.each(Object.keys(SEEN))("%s", async (name) => {
  const scene = await sceneOf(name as Name);

  await SEEN[name as Name](scene);
});

it("a fault of STS is aimed by the action in the form", async () => {
  const { start, sts, assume } = await sceneOf("sts-error");
  const fault = start({ where: { operation: "AssumeRole" } });

  await sts.send(new GetCallerIdentityCommand({}));
  await expect(assume()).rejects.toMatchObject({ name: "InternalFailure" });

  expect(fault.strikes).toBe(1);
});

/** How credentials are handed out: both ways have the same faults. What lacks a field the SDK's STS client hands on as it is. */
const WAYS = [
  ["the container endpoint", (scene: Scene) => scene.load(), "CredentialsProviderError"],
  ["STS", (scene: Scene) => scene.assume(), undefined],
] as const;

describe.each(WAYS)("credentials from %s", (_, ask, lacking) => {
  it("have ended already with credentials-expired", async () => {
    const scene = await sceneOf("credentials-expired");
    scene.start({ seconds: 90 });

    const { expiration } = await ask(scene);

    expect((expiration?.getTime() ?? 0) - scene.clock.now()).toBeLessThanOrEqual(-90_000);
  });

  it("live as long as credentials-short-lived says, and are replaced at their end", async () => {
    const scene = await sceneOf("credentials-short-lived");
    scene.start({ seconds: 120 });

    const first = await ask(scene);
    expect((await ask(scene)).accessKeyId).toBe(first.accessKeyId);
    await scene.clock.advance(120_000);

    expect(first.expiration?.getTime()).toBeLessThanOrEqual(scene.clock.now());
    expect((await ask(scene)).accessKeyId).not.toBe(first.accessKeyId);
  });

  it("are the old ones each second time with credentials-alternate", async () => {
    const scene = await sceneOf("credentials-alternate");
    scene.start();
    const { accessKeyId: old } = await ask(scene);
    await scene.clock.advance(2 * HOUR);

    expect((await ask(scene)).accessKeyId).toBe(old);
    expect((await ask(scene)).accessKeyId).not.toBe(old);
  });

  it("are the old ones until shortly before their end with credentials-rotated-late", async () => {
    const scene = await sceneOf("credentials-rotated-late");
    scene.start({ seconds: 30 });
    const { accessKeyId, expiration } = await ask(scene);

    await scene.clock.advance((expiration?.getTime() ?? 0) - scene.clock.now() - 31_000);
    expect((await ask(scene)).accessKeyId).toBe(accessKeyId);
    await scene.clock.advance(2000);

    expect((await ask(scene)).accessKeyId).not.toBe(accessKeyId);
  });

  it.each([
    ["credentials-incomplete", "secretAccessKey"],
    ["credentials-without-date", "expiration"],
  ] as const)("lack a field with %s: %s", async (name, field) => {
    const scene = await sceneOf(name);
    scene.start();

    const seen = await ask(scene).then(
      (credentials) => credentials[field],
      (error: Error) => error.name,
    );

    expect(seen).toBe(lacking);
  });

  it.each(["credentials-malformed", "credentials-malformed-date"] as const)("cannot be read with %s", async (name) => {
    const scene = await sceneOf(name);
    const fault = scene.start();

    await expect(ask(scene)).rejects.toThrow();
    fault.end();

    await ask(scene);
  });
});
