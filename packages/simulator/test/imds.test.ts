import { fromInstanceMetadata } from "@smithy/credential-provider-imds";
import { describe, expect, it, onTestFinished } from "vitest";
import { CREDENTIALS, HOUR, identityOf, ROLES, simulated } from "./instance.js";

const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN_PATH = "/latest/api/token";

describe("a session-token request", () => {
  it("is answered with a token, and with its lifetime in a header", async () => {
    const { imds } = await simulated();

    const answer = await imds.request("PUT", TOKEN_PATH, { [TTL]: "300" });

    expect(answer.status).toBe(200);
    expect(answer.headers.get(TTL)).toBe("300");
    expect(await answer.text()).toMatch(/^[\w-]{55}=$/);
  });

  it.each([
    [{}, 400],
    [{ [TTL]: "0" }, 400],
    [{ [TTL]: "21601" }, 400],
    [{ [TTL]: "-5" }, 400],
    [{ [TTL]: "1.5" }, 400],
    [{ [TTL]: "soon" }, 400],
    [{ [TTL]: "1" }, 200],
    [{ [TTL]: "21600" }, 200],
    [{ [TTL]: "300", "x-forwarded-for": "10.0.0.1" }, 403],
  ])("with the headers %j is answered %i", async (headers, status) => {
    const { imds } = await simulated();

    expect((await imds.request("PUT", TOKEN_PATH, headers as Record<string, string>)).status).toBe(status);
  });

  it.each(["GET", "POST", "DELETE"])("by %s is answered 405", async (method) => {
    const { imds } = await simulated();

    expect((await imds.request(method, TOKEN_PATH, { [TTL]: "300" })).status).toBe(405);
  });
});

describe("any other request", () => {
  it("without a session token is answered 401 with an empty body", async () => {
    const { imds } = await simulated();

    const answer = await imds.request("GET", "/latest/meta-data/instance-id");

    expect(answer.status).toBe(401);
    expect(await answer.text()).toBe("");
  });

  it("with an unknown token is answered 401 with an empty body", async () => {
    const { imds } = await simulated();

    const answer = await imds.get("/latest/meta-data/instance-id", "made-up");

    expect(answer.status).toBe(401);
    expect(await answer.text()).toBe("");
  });

  it("is good until the token's last second", async () => {
    const { imds, clock } = await simulated();
    const token = await imds.token(300);

    await clock.advance(299_000);
    expect((await imds.get("/latest/meta-data/instance-id", token)).status).toBe(200);
    await clock.advance(1000);

    expect((await imds.get("/latest/meta-data/instance-id", token)).status).toBe(401);
  });

  it.each(["PUT", "POST"])("by %s is answered 405", async (method) => {
    const { imds } = await simulated();

    const headers = { "x-aws-ec2-metadata-token": await imds.token() };

    expect((await imds.request(method, "/latest/meta-data/", headers)).status).toBe(405);
  });

  it.each([
    ["/latest/meta-data/placement/region", "us-east-1"],
    ["/latest/meta-data/placement/availability-zone", expect.stringMatching(/^us-east-1[abc]$/)],
    ["/latest/meta-data/instance-id", expect.stringMatching(/^i-0[0-9a-f]{16}$/)],
    ["/latest/meta-data/instance-type", expect.stringMatching(/^\w+\.\w+$/)],
    [ROLES, "evertoken-role"],
    [ROLES.slice(0, -1), "evertoken-role"],
    ["/latest/meta-data/iam/security-credentials-extended/", "evertoken-role"],
    ["/latest/meta-data/iam/security-credentials-extended", "evertoken-role"],
    ["/latest/meta-data/placement/", "availability-zone\navailability-zone-id\nregion"],
    ["/latest/meta-data/iam/", "info\nsecurity-credentials/"],
    ["/latest/", "dynamic\nmeta-data"],
  ])("for %s gives its value", async (path, value) => {
    const { imds } = await simulated();

    const answer = await imds.get(path);

    expect(answer.status).toBe(200);
    expect(await answer.text()).toEqual(value);
  });

  it.each(["/latest/meta-data/nothing", `${ROLES}another-role`, "/nothing"])("for %s is answered 404", async (path) => {
    const { imds } = await simulated();

    const answer = await imds.get(path);

    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("<title>404 - Not Found</title>");
  });

  it("for the identity document and the profile tells of one and the same instance", async () => {
    const { imds } = await simulated({ region: "eu-central-1" });

    const document = await (await imds.get("/latest/dynamic/instance-identity/document")).json();
    const profile = await (await imds.get("/latest/meta-data/iam/info")).json();

    const { accountId, instanceId } = document as { accountId: string; instanceId: string };
    expect(document).toMatchObject({
      region: "eu-central-1",
      availabilityZone: expect.stringMatching(/^eu-central-1[abc]$/),
    });
    expect(await (await imds.get("/latest/meta-data/instance-id")).text()).toBe(instanceId);
    expect(profile).toMatchObject({
      Code: "Success",
      InstanceProfileArn: `arn:aws:iam::${accountId}:instance-profile/evertoken-role`,
    });
  });

  it("tells the simulator's time", async () => {
    const { imds, clock } = await simulated();
    await clock.advance(100 * HOUR);

    const answer = await imds.get("/latest/meta-data/instance-id");

    expect(answer.headers.get("date")).toBe(new Date(clock.now()).toUTCString());
    expect(answer.headers.get("server")).toBe("EC2ws");
  });
});

describe("the role's credentials", () => {
  it("are a document as EC2 prints it, with instants in whole seconds", async () => {
    const { imds, clock } = await simulated();

    const document = await imds.credentials();

    expect(document).toEqual({
      Code: "Success",
      LastUpdated: expect.stringMatching(/T\d\d:\d\d:\d\dZ$/),
      Type: "AWS-HMAC",
      AccessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      SecretAccessKey: expect.stringMatching(/^.{40}$/),
      Token: expect.any(String),
      Expiration: new Date(Math.floor((clock.now() + 6 * HOUR) / 1000) * 1000).toISOString().replace(".000", ""),
    });
  });

  it("tell the account on the extended path", async () => {
    const { imds } = await simulated();

    const answer = await imds.get("/latest/meta-data/iam/security-credentials-extended/evertoken-role");

    expect(await answer.json()).toMatchObject({ AccountId: expect.stringMatching(/^\d{12}$/) });
  });

  it("rotate about hourly; each lives for six hours from its issue", async () => {
    const { imds, clock } = await simulated();
    const seen = new Map<string, number>();
    for (let minute = 0; minute < 24 * 60; minute++) {
      const { AccessKeyId: id, Expiration: expiration } = await imds.credentials();
      if (!seen.has(id)) seen.set(id, Date.parse(expiration) - clock.now());
      await clock.advance(60_000);
    }

    expect(seen.size).toBeGreaterThanOrEqual(23);
    expect(seen.size).toBeLessThanOrEqual(25);
    for (const left of seen.values()) {
      expect(left).toBeGreaterThan(6 * HOUR - 62_000);
      expect(left).toBeLessThanOrEqual(6 * HOUR);
    }
  });

  it("that nobody asked for were never issued: after a day of silence the newest is there", async () => {
    const { imds, simulator, clock } = await simulated();
    await imds.credentials();

    await clock.advance(24 * HOUR);
    const { Expiration: expiration } = await imds.credentials();

    expect(Date.parse(expiration) - clock.now()).toBeGreaterThan(5 * HOUR - 5 * 60_000);
    const generations = simulator.journal.entries(({ operation }) => operation === "credentials");
    expect(generations.map(({ generation }) => generation)).toEqual([1, 2]);
  });

  it("live and rotate as they are told to", async () => {
    const { imds, clock } = await simulated({ credentialLifetimeMs: 15 * 60_000, rotationIntervalMs: 5 * 60_000 });
    const first = await imds.credentials();
    await clock.advance(5.2 * 60_000);
    const second = await imds.credentials();

    expect(Date.parse(first.Expiration) - clock.now()).toBeLessThan(10 * 60_000);
    expect(second.AccessKeyId).not.toBe(first.AccessKeyId);
  });

  it("are the same for the same seed, and others for another", async () => {
    const idOf = async (seed: number) => (await (await simulated({ seed })).imds.credentials()).AccessKeyId;

    expect(await idOf(7)).toBe(await idOf(7));
    expect(await idOf(7)).not.toBe(await idOf(8));
  });

  it("are found by the stock SDK's own provider", async () => {
    const { simulator, imds } = await simulated();
    process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
    onTestFinished(() => {
      delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
    });

    const identity = await fromInstanceMetadata()();

    expect(identity).toMatchObject(identityOf(await imds.credentials()));
  });
});

describe("the journal of IMDS", () => {
  it("tells each request, the decision and why", async () => {
    const { imds, simulator, clock } = await simulated();
    await imds.request("GET", ROLES);
    await imds.credentials();
    await imds.get("/latest/meta-data/nothing", "made-up");
    const brief = await imds.token(1);
    await clock.advance(1000);
    await imds.get("/latest/meta-data/placement/region", brief);

    const lines = simulator.journal
      .entries()
      .map(({ operation, status, decision, generation }) => [operation, status, decision, generation]);

    expect(lines).toEqual([
      ["role-list", 401, "session token missing", undefined],
      ["token", 200, "ok", undefined],
      ["credentials", 200, "ok", 1],
      ["nothing", 401, "session token unknown", undefined],
      ["token", 200, "ok", undefined],
      ["region", 401, "session token expired", undefined],
    ]);
  });

  it("holds no secret", async () => {
    const { imds, simulator } = await simulated();
    const token = await imds.token();
    const answer = await imds.get(CREDENTIALS, token);
    const document = (await answer.json()) as { SecretAccessKey: string; Token: string };

    const told = JSON.stringify(simulator.journal.entries());

    for (const secret of [token, document.SecretAccessKey, document.Token]) expect(told).not.toContain(secret);
  });
});
