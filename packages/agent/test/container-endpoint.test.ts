import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentOn, eventually, folder, HOUR, host, instance, MINUTE, OWN, request } from "./host.js";

describe("the container endpoint", () => {
  it("hands out the instance's credentials in the document that SDKs know, its end in whole seconds", async () => {
    const { ask } = await host();

    const answer = await ask();
    const document = JSON.parse(answer.body);

    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json");
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(document).toEqual({
      AccessKeyId: expect.stringMatching(/^ASIA/),
      SecretAccessKey: expect.any(String),
      Token: expect.any(String),
      Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      AccountId: expect.stringMatching(/^\d{12}$/),
    });
  });

  it("hands out other credentials soon after each rotation, with hours left, for days", async () => {
    const { credentials, clock } = await host();
    const seen = new Set<string>();

    for (let hour = 0; hour < 72; hour++) {
      await clock.advance(HOUR);
      // The watch needs real sockets to come to its answer.
      const { AccessKeyId, Expiration } = await eventually(credentials, ({ Expiration: end }) => {
        return Date.parse(end) - clock.now() > 4 * HOUR;
      });
      seen.add(AccessKeyId);
      expect(Date.parse(Expiration) - clock.now()).toBeGreaterThan(4 * HOUR);
    }

    expect(seen.size).toBeGreaterThan(60);
  });

  it("asks IMDS no more often for a thousand connections than for one", async () => {
    const { ask, simulator } = await host();
    const before = simulator.journal.count("imds", "default").requests;

    const answers = await Promise.all(Array.from({ length: 1000 }, () => ask()));

    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(simulator.journal.count("imds", "default").requests).toBe(before);
  });

  it("answers from what it has while IMDS is down, and 503 with Retry-After when less than 300 s are left", async () => {
    const { ask, credentials, clock, simulator, agent, admin } = await host({}, { credentialLifetimeMs: HOUR });
    const { Expiration } = await credentials();
    simulator.fault("imds-down");
    const untilLast = Date.parse(Expiration) - clock.now() - 300_000;

    await clock.advance(untilLast - 1000);
    expect((await ask()).status).toBe(200);
    await clock.advance(2000);
    const refused = await ask();

    expect(refused.status).toBe(503);
    expect(refused.headers["retry-after"]).toBe("5");
    expect(refused.body).not.toContain("AccessKeyId");
    expect(agent.status()).toMatchObject({
      ready: false,
      credentials: [{ served: false, failingSince: expect.any(Number) }],
    });
    expect((await admin("/readyz")).status).toBe(503);
    expect((await admin("/healthz")).status).toBe(200);
  });

  it("opens with nothing when IMDS is down at the start, and answers as soon as there are credentials", async () => {
    const { simulator, clock } = await instance();
    const outage = simulator.fault("imds-down");
    const { ask } = await agentOn(simulator);

    expect((await ask()).status).toBe(503);
    outage.end();
    await clock.advance(10 * MINUTE);

    await eventually(ask, ({ status }) => status === 200);
  });

  it.each([
    ["no token", { authorization: "" }],
    ["another token", { authorization: "x".repeat(43) }],
    ["the token as a bearer's", { authorization: "Bearer" }],
  ])("refuses %s", async (_, headers) => {
    const { ask, log } = await host();

    const answer = await ask(OWN, headers);

    expect(answer.status).toBe(401);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "token" }));
  });

  it.each([
    ["GET", "/", 404],
    ["GET", "/v1/credentials/", 404],
    ["GET", "/V1/CREDENTIALS", 404],
    ["GET", "/v1/roles/backup/credentials", 404],
    ["POST", OWN, 405],
    ["HEAD", OWN, 405],
  ])("answers %s %s with %i", async (method, path, status) => {
    const { agent, token } = await host();

    const answer = await request(`${agent.containerUrl}${path}`, { method, headers: { authorization: token() } });

    expect(answer.status).toBe(status);
  });
});

describe("the authorization token", () => {
  it("is in a file that only its owner can read, new at each start", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const first = await agentOn(simulator, { directory });
    const before = first.token();
    await first.agent.close();

    const second = await agentOn(simulator, { directory });

    expect(statSync(join(directory, "authorization-token")).mode & 0o777).toBe(0o600);
    expect(second.token()).toMatch(/^[\w-]{43}$/);
    expect(second.token()).not.toBe(before);
    expect((await second.ask(OWN, { authorization: before })).status).toBe(401);
  });

  it("is kept over a restart when told so, for clients that read it once", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const first = await agentOn(simulator, { directory, keepTokens: true });
    const before = first.token();
    await first.agent.close();

    const second = await agentOn(simulator, { directory, keepTokens: true });

    expect(second.token()).toBe(before);
    expect((await second.ask()).status).toBe(200);
  });

  it("can be renewed at any time, and the one before stays good for ten minutes", async () => {
    const { agent, ask, token, clock } = await host();
    const before = token();

    await agent.rotateTokens();

    expect(token()).not.toBe(before);
    expect((await ask()).status).toBe(200);
    expect((await ask(OWN, { authorization: before })).status).toBe(200);
    await clock.advance(10 * MINUTE);
    expect((await ask(OWN, { authorization: before })).status).toBe(401);
    expect((await ask()).status).toBe(200);
  });

  it("is of a mode that lets a group read it, when told so", async () => {
    const { agent } = await host({ tokenFileMode: "0640" });

    expect(statSync(agent.tokenFile).mode & 0o777).toBe(0o640);
  });

  it("is nowhere in the log, nor is any secret", async () => {
    const { ask, credentials, token, log, agent, session, imds } = await host();
    const { SecretAccessKey, Token } = await credentials();
    const sessionToken = await session();
    await imds("/latest/meta-data/iam/security-credentials/", sessionToken);
    await ask(OWN, { authorization: `${token()}x` });

    const written = [...log.text, JSON.stringify(agent.status())].join("");

    for (const secret of [SecretAccessKey, Token, token(), sessionToken]) expect(written).not.toContain(secret);
    expect(readFileSync(agent.tokenFile, "utf8")).not.toBe("");
  });
});
