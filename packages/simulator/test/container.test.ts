import { readFile, stat } from "node:fs/promises";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { fromContainerMetadata, fromHttp } from "@aws-sdk/credential-providers";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOUR, identityOf, simulated } from "./instance.js";
import { withEnvironment } from "./sdk.js";

async function containerOf(via: "ecs" | "eks" | "container", options: Parameters<typeof simulated>[0] = {}) {
  const { simulator, clock, imds } = await simulated(options);
  const environment = simulator.environment({ via });
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri = "", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file = "" } =
    environment;
  const ask = (authorization?: string, url = uri) => fetch(url, { headers: authorization ? { authorization } : {} });
  const put = async (credentials: ReturnType<typeof identityOf>) => {
    const client = new S3Client({
      region: "us-east-1",
      endpoint: simulator.s3Url,
      forcePathStyle: true,
      credentials,
      maxAttempts: 1,
      systemClockOffset: clock.now() - Date.now(),
    });
    onTestFinished(() => client.destroy());
    return client.send(new PutObjectCommand({ Bucket: "reports", Key: "a", Body: "b" })).then(
      () => "ok",
      (error: Error) => error.name,
    );
  };
  return { simulator, clock, imds, environment, uri, file, ask, put };
}

describe("the credentials of an ECS task", () => {
  it("are found under the path that is their secret, with the role's ARN", async () => {
    const { ask, uri, simulator } = await containerOf("ecs");

    const answer = await ask();

    expect(new URL(uri).pathname).toMatch(
      /^\/v2\/credentials\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(await answer.json()).toEqual({
      RoleArn: `arn:aws:iam::${simulator.instance.description.accountId}:role/evertoken-task-role`,
      AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      SecretAccessKey: expect.stringMatching(/^.{40}$/),
      Token: expect.any(String),
      Expiration: expect.stringMatching(/T\d\d:\d\d:\d\dZ$/),
    });
  });

  it("have a path that the journal does not show, also when a fault strikes", async () => {
    const { ask, simulator } = await containerOf("ecs");

    await ask();
    simulator.fault("container-error");
    await ask();

    const paths = simulator.journal.entries().map(({ path }) => path);
    expect(paths).toEqual(["/v2/credentials/(not shown)", "/v2/credentials/(not shown)"]);
  });

  it.each([
    ["", "NoIdInRequest"],
    ["/00000000-0000-4000-8000-000000000000", "InvalidIdInRequest"],
  ])("are not found under /v2/credentials%s", async (path, code) => {
    const { ask, simulator } = await containerOf("ecs");

    const answer = await ask(undefined, `${simulator.containerUrl}/v2/credentials${path}`);

    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code, HTTPErrorCode: 400 });
  });

  it("are taken by the stock SDK's two providers, and by S3", async () => {
    const { environment, put } = await containerOf("ecs");
    withEnvironment(environment);

    const [http, metadata] = [await fromHttp()(), await fromContainerMetadata()()];

    expect(http.accessKeyId).toBe(metadata.accessKeyId);
    expect(await put(http as never)).toBe("ok");
  });

  it("are others than the instance's, rotate, and are refused after their end", async () => {
    const { ask, clock, imds, put } = await containerOf("ecs");
    const first = (await (await ask()).json()) as Parameters<typeof identityOf>[0];
    const early = await put(identityOf(first));
    await clock.advance(6 * HOUR);
    const later = (await (await ask()).json()) as Parameters<typeof identityOf>[0];

    expect(early).toBe("ok");
    expect(first.AccessKeyId).not.toBe((await imds.credentials()).AccessKeyId);
    expect(later.AccessKeyId).not.toBe(first.AccessKeyId);
    expect(await put(identityOf(first))).toBe("ExpiredToken");
    expect(await put(identityOf(later))).toBe("ok");
  });

  it("are revoked and stuck together with the instance's", async () => {
    const { ask, clock, simulator, put } = await containerOf("ecs");
    const credentials = async () => (await (await ask()).json()) as Parameters<typeof identityOf>[0];
    const first = await credentials();

    simulator.fault("credentials-revoked");
    const second = await credentials();
    simulator.fault("credentials-stuck");
    await clock.advance(2 * HOUR);

    expect(await put(identityOf(first))).toBe("ExpiredToken");
    expect(await put(identityOf(second))).toBe("ok");
    expect((await credentials()).AccessKeyId).toBe(second.AccessKeyId);
  });
});

describe("the credentials of EKS Pod Identity", () => {
  it("are given for the token in the file, which nobody else may read", async () => {
    const { environment, file, ask } = await containerOf("eks");
    withEnvironment(environment);

    const identity = await fromHttp()();
    const answer = await ask(await readFile(file, "utf8"));

    expect(await answer.json()).toMatchObject({
      AccessKeyId: identity.accessKeyId,
      AccountId: expect.stringMatching(/^\d{12}$/),
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("are refused without a token, with another, and with one that has ended; the file has a new one long before", async () => {
    const { file, ask, clock } = await containerOf("eks");
    const first = await readFile(file, "utf8");
    const forged = first.replace(/\.[^.]*$/, `.${Buffer.alloc(32).toString("base64url")}`);
    const early = [await ask(), await ask("nonsense"), await ask(forged), await ask(first)].map(({ status }) => status);
    await clock.advance(24 * HOUR);
    const second = await readFile(file, "utf8");

    const late = await ask(first);

    expect(early).toEqual([400, 400, 400, 200]);
    expect([late.status, await late.text()]).toEqual([400, expect.stringContaining("ExpiredTokenException")]);
    expect(second).not.toBe(first);
    expect((await ask(second)).status).toBe(200);
  });

  it("leave no file behind when the simulator is closed", async () => {
    const { file, simulator, clock } = await containerOf("eks");

    await simulator.close();

    await expect(stat(file)).rejects.toThrow("ENOENT");
    expect(clock.pending).toBe(0);
  });
});

describe("the credentials of a container endpoint with a fixed token", () => {
  it("are given for that token alone", async () => {
    const { environment, ask } = await containerOf("container");
    withEnvironment(environment);

    const identity = await fromHttp()();

    expect(identity.accessKeyId).toMatch(/^ASIA/);
    expect([(await ask()).status, (await ask("another")).status]).toEqual([401, 401]);
  });

  it("are asked for by GET", async () => {
    const { uri } = await containerOf("container");

    expect((await fetch(uri, { method: "POST" })).status).toBe(405);
    expect((await fetch(new URL("/elsewhere", uri))).status).toBe(404);
  });
});

describe("the journal of the container endpoint", () => {
  it("tells each request, and holds no secret, neither the path of ECS", async () => {
    const { simulator, ask, uri } = await containerOf("ecs");
    const answer = (await (await ask()).json()) as { SecretAccessKey: string; Token: string };
    const { AWS_CONTAINER_AUTHORIZATION_TOKEN: token = "" } = simulator.environment({ via: "container" });
    await ask(token, `${simulator.containerUrl}/credentials`);

    const entries = simulator.journal.entries();

    expect(
      entries.map(({ service, operation, status, generation }) => [service, operation, status, generation]),
    ).toEqual([
      ["container", "task-credentials", 200, 1],
      ["container", "credentials", 200, 1],
    ]);
    for (const secret of [answer.SecretAccessKey, answer.Token, token, new URL(uri).pathname]) {
      expect(JSON.stringify(entries)).not.toContain(secret);
    }
  });
});
