import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentOn, EXTENDED, eventually, folder, given, HOUR, host, instance, MINUTE, ROLES, request } from "./host.js";

const TTL = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN = "x-aws-ec2-metadata-token";

describe("the IMDS endpoint", () => {
  it.each([
    ["1", 200],
    ["21600", 200],
    ["0", 400],
    ["21601", 400],
    ["-1", 400],
    ["60.5", 400],
    ["1e3", 400],
    ["soon", 400],
    ["", 400],
  ])("answers a token request for %j seconds with %i", async (seconds, status) => {
    const { agent } = await host();

    const answer = await request(`${agent.imdsUrl}/latest/api/token`, { method: "PUT", headers: { [TTL]: seconds } });

    expect(answer.status).toBe(status);
    expect(answer.headers[TTL]).toBe(status === 200 ? seconds : undefined);
    expect(answer.body).toMatch(status === 200 ? /^[\w-]{64}$/ : /^$/);
  });

  it.each([
    ["PUT", "/latest/api/token", {}, 400],
    ["GET", "/latest/api/token", { [TTL]: "60" }, 405],
    ["POST", "/latest/api/token", { [TTL]: "60" }, 405],
    ["PUT", "/latest/api/token", { [TTL]: "60", "x-forwarded-for": "10.0.0.1" }, 403],
    ["PUT", ROLES, {}, 405],
    ["GET", ROLES, {}, 401],
    ["GET", ROLES, { [TOKEN]: "made-up" }, 401],
    ["GET", "/latest/no-such-thing", {}, 401],
  ])("answers %s %s %j with %i", async (method, path, headers, status) => {
    const { agent } = await host();

    expect((await request(`${agent.imdsUrl}${path}`, { method, headers })).status).toBe(status);
  });

  it("answers 401 without a body, as IMDS does", async () => {
    const { agent } = await host();

    const { headers, body } = await request(`${agent.imdsUrl}${ROLES}`);

    expect(body).toBe("");
    expect(headers["content-length"]).toBe("0");
  });

  it("lists the role and hands out its credentials, by the old path and the extended one", async () => {
    const { imds, credentials } = await host();
    const { AccessKeyId, AccountId } = await credentials();

    for (const base of [ROLES, EXTENDED]) {
      expect((await imds(base)).body).toBe("evertoken-role");
      expect((await imds(base.slice(0, -1))).body).toBe("evertoken-role");
      const document = JSON.parse((await imds(`${base}evertoken-role`)).body);
      expect(document).toEqual({
        Code: "Success",
        LastUpdated: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        Type: "AWS-HMAC",
        AccessKeyId,
        SecretAccessKey: expect.any(String),
        Token: expect.any(String),
        Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        ...(base === EXTENDED ? { AccountId } : {}),
      });
      expect((await imds(`${base}another-role`)).status).toBe(404);
    }
  });

  it("finds a role whose name clients encode", async () => {
    const { simulator } = await instance();
    const { imds } = await agentOn(simulator, { source: given(simulator.clock, { roleName: "a=b@c" }) });

    for (const name of ["a=b@c", "a%3Db%40c", "a%3db%40c"]) {
      expect((await imds(`${ROLES}${name}`)).status).toBe(200);
    }
    expect((await imds(`${ROLES}A=B@C`)).status).toBe(404);
  });

  it("grants session tokens that end with their time", async () => {
    const { imds, session, clock } = await host();
    const token = await session(60);

    expect((await imds(ROLES, token)).status).toBe(200);
    await clock.advance(61_000);

    expect((await imds(ROLES, token)).status).toBe(401);
  });

  it("refuses a session token in which one character was changed", async () => {
    const { imds, session } = await host();
    const token = await session();

    const flipped = [...token].map((character, at) => {
      return `${token.slice(0, at)}${character === "A" ? "B" : "A"}${token.slice(at + 1)}`;
    });

    for (const changed of flipped) expect((await imds(ROLES, changed)).status).toBe(401);
  });

  it("knows its session tokens again after a restart, without a table of them", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const first = await agentOn(simulator, { directory });
    const token = await first.session();
    await first.agent.close();

    const second = await agentOn(simulator, { directory });

    expect((await second.imds(ROLES, token)).status).toBe(200);
    expect(readFileSync(join(directory, "session-key"), "utf8")).not.toBe("");
  });

  it("is not there unless a port is given: its protocol knows no authorization", async () => {
    const { agent } = await host({ imdsPort: undefined });

    expect(agent.imdsUrl).toBeUndefined();
  });

  it("never has 25 minutes or less left while fresher credentials can be had", async () => {
    const { imds, clock } = await host({}, { credentialLifetimeMs: HOUR, rotationIntervalMs: 30 * MINUTE });
    const token = await imds(ROLES);
    expect(token.status).toBe(200);

    for (let minutes = 0; minutes < 300; minutes += 2) {
      await clock.advance(2 * MINUTE);
      const left = async () => {
        const { Expiration } = JSON.parse((await imds(`${ROLES}evertoken-role`)).body);
        return Date.parse(Expiration) - clock.now();
      };
      expect(await eventually(left, (ms) => ms > 25 * MINUTE)).toBeGreaterThan(25 * MINUTE);
    }
  });

  it("answers 503 with Retry-After, and no role, while there is nothing to hand out", async () => {
    const { simulator } = await instance();
    simulator.fault("imds-down");
    const { imds } = await agentOn(simulator);

    for (const path of [ROLES, EXTENDED, `${ROLES}evertoken-role`]) {
      const answer = await imds(path);
      expect(answer.status).toBe(503);
      expect(answer.headers["retry-after"]).toBe("5");
    }
  });
});

describe("other categories", () => {
  const ZONE = "/latest/meta-data/placement/availability-zone";

  it("are read through once, however many ask, and kept for five minutes", async () => {
    const { imds, simulator, clock, session } = await host();
    const token = await session();
    const asked = () => simulator.journal.entries(({ path }) => path === ZONE).length;

    const answers = await Promise.all(Array.from({ length: 50 }, () => imds(ZONE, token)));

    expect(new Set(answers.map(({ body }) => body))).toEqual(new Set(["us-east-1a"]));
    expect(asked()).toBe(1);
    await clock.advance(5 * MINUTE);
    await imds(ZONE, token);
    expect(asked()).toBe(2);
  });

  it("are answered from memory while IMDS is down, and 503 when they never were read", async () => {
    const { imds, simulator, clock, session } = await host();
    const token = await session();
    await imds(ZONE, token);
    simulator.fault("imds-down");
    await clock.advance(10 * MINUTE);

    expect((await imds(ZONE, token)).body).toBe("us-east-1a");
    const never = await imds("/latest/meta-data/placement/region", token);

    expect(never.status).toBe(503);
    expect(never.headers["retry-after"]).toBe("5");
  });

  it.each(["/latest/user-data", "/latest/meta-data/", "/latest/meta-data/iam/info", "/2021-03-23/meta-data/ami-id"])(
    "do not include %s",
    async (path) => {
      const { imds, simulator } = await host();
      const asked = simulator.journal.count("imds", "default").requests;

      expect((await imds(path)).status).toBe(404);

      expect(simulator.journal.count("imds", "default").requests).toBe(asked);
    },
  );

  it("are those that the configuration allows", async () => {
    const { imds } = await host({ metadata: ["/latest/meta-data/tags/*"] });

    expect((await imds(ZONE)).status).toBe(404);
  });

  it("that are not there are asked for so often by each client, and no more", async () => {
    const { imds, session, log, credentials } = await host({ limits: { missesPerMinute: 5 } });
    const token = await session();

    const statuses: number[] = [];
    for (let number = 0; number < 8; number++) {
      statuses.push((await imds(`/latest/meta-data/placement/none-${number}`, token)).status);
    }

    expect(statuses).toEqual([404, 404, 404, 404, 404, 429, 429, 429]);
    expect(log.all).toContainEqual(expect.objectContaining({ refused: "rate", status: 429 }));
    expect((await credentials()).AccessKeyId).toMatch(/^ASIA/);
  });
});

describe("an agent whose source gives permanent keys", () => {
  it("does not hand them out, and says what to do", async () => {
    const { simulator } = await instance();
    const source = given(simulator.clock, { expiration: undefined, sessionToken: undefined });

    await expect(agentOn(simulator, { source })).rejects.toThrow(/the test gives permanent keys.*role_arn/);
  });
});
