import { readFile } from "node:fs/promises";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  type Credentials,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  STSClient,
  type STSClientConfig,
} from "@aws-sdk/client-sts";
import { fromTemporaryCredentials, fromTokenFile } from "@aws-sdk/credential-providers";
import { describe, expect, it, onTestFinished } from "vitest";
import { HOUR, identityOf, simulated } from "./instance.js";
import { withEnvironment } from "./sdk.js";

const ROLE = "arn:aws:iam::123456789012:role/service/reader";

interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

async function stsOf(options: Parameters<typeof simulated>[0] = {}) {
  const { simulator, clock, imds } = await simulated(options);
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = simulator.environment({
    via: "user",
  });
  const user: Identity = { accessKeyId, secretAccessKey };
  const offset = () => ({ systemClockOffset: clock.now() - Date.now() });
  const as = (credentials: Identity, config: STSClientConfig = {}) => {
    const client = new STSClient({
      region: "us-east-1",
      endpoint: simulator.stsUrl,
      maxAttempts: 1,
      credentials,
      ...offset(),
      ...config,
    });
    onTestFinished(() => client.destroy());
    return client;
  };
  const put = (credentials: Identity) => {
    const client = new S3Client({
      region: "us-east-1",
      endpoint: simulator.s3Url,
      forcePathStyle: true,
      maxAttempts: 1,
      credentials,
      ...offset(),
    });
    onTestFinished(() => client.destroy());
    return client.send(new PutObjectCommand({ Bucket: "reports", Key: "a", Body: "b" })).then(
      () => "ok",
      (error: Error) => error.name,
    );
  };
  const form = (fields: Record<string, string>) =>
    fetch(simulator.stsUrl, { method: "POST", body: new URLSearchParams({ Version: "2011-06-15", ...fields }) });
  const instance = async () => identityOf(await imds.credentials());
  return { simulator, clock, imds, user, as, put, form, instance };
}

function identity(credentials: Credentials | undefined): Required<Identity> {
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken = "" } = credentials ?? {};
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

describe("GetCallerIdentity", () => {
  it("tells whose credentials they are: the instance's, the user's, an assumed role's", async () => {
    const { simulator, user, as, instance } = await stsOf();
    const { accountId, instanceId } = simulator.instance.description;
    const { Credentials } = await as(user).send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "tests" }));

    const arns = [];
    for (const who of [await instance(), user, identity(Credentials)]) {
      arns.push((await as(who).send(new GetCallerIdentityCommand({}))).Arn);
    }

    expect(arns).toEqual([
      `arn:aws:sts::${accountId}:assumed-role/evertoken-role/${instanceId}`,
      `arn:aws:iam::${accountId}:user/evertoken-user`,
      "arn:aws:sts::123456789012:assumed-role/reader/tests",
    ]);
  });

  it("gives identifiers of real length and form", async () => {
    const { as, instance, user, simulator } = await stsOf();

    const [role, person] = [
      await as(await instance()).send(new GetCallerIdentityCommand({})),
      await as(user).send(new GetCallerIdentityCommand({})),
    ];

    expect(role.UserId).toMatch(/^AROA[A-Z2-7]{17}:i-0[0-9a-f]{16}$/);
    expect(person.UserId).toMatch(/^AIDA[A-Z2-7]{17}$/);
    expect(person.Account).toBe(simulator.instance.description.accountId);
    expect(role.$metadata.requestId).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it("refuses what S3 refuses: expired, revoked, unknown, wrongly signed", async () => {
    const { as, instance, clock, simulator } = await stsOf();
    const first = await instance();
    const askAs = (who: Identity) =>
      as(who)
        .send(new GetCallerIdentityCommand({}))
        .then(
          () => "ok",
          (error) => [error.name, error.$metadata.httpStatusCode],
        );

    simulator.fault("credentials-revoked");
    const revoked = await askAs(first);
    const second = await instance();
    await clock.advance(6 * HOUR);

    expect(revoked).toEqual(["ExpiredToken", 403]);
    expect(await askAs(second)).toEqual(["ExpiredToken", 403]);
    const third = await instance();
    expect(await askAs(third)).toBe("ok");
    expect(await askAs({ ...third, accessKeyId: "ASIAUNKNOWN" })).toEqual(["InvalidClientTokenId", 403]);
    expect(await askAs({ ...third, sessionToken: "another" })).toEqual(["InvalidClientTokenId", 403]);
    expect(await askAs({ ...third, secretAccessKey: "another" })).toEqual(["SignatureDoesNotMatch", 403]);
  });

  it.each([
    [-20, /^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 15 min\.\)$/],
    [20, /^Signature not yet current: .* \(\d{8}T\d{6}Z \+ 15 min\.\)$/],
  ])("with a clock %i minutes off says so", async (minutes, says) => {
    const { as, user, clock } = await stsOf();
    const systemClockOffset = clock.now() - Date.now() + minutes * 60_000;

    await expect(as(user, { systemClockOffset }).send(new GetCallerIdentityCommand({}))).rejects.toMatchObject({
      name: "SignatureDoesNotMatch",
      message: expect.stringMatching(says),
    });
  });

  it("takes the region's scope and the global one, no other", async () => {
    const { as, user } = await stsOf({ region: "eu-central-1" });
    const scopedTo = (region: string) =>
      as(user, { region })
        .send(new GetCallerIdentityCommand({}))
        .then(
          () => "ok",
          ({ message }) => message.trim(),
        );

    expect(await Promise.all(["eu-central-1", "us-east-1", "us-west-2"].map(scopedTo))).toEqual([
      "ok",
      "ok",
      "Credential should be scoped to a valid region.",
    ]);
  });

  it("is answered without a signature neither", async () => {
    const { form } = await stsOf();

    const answer = await form({ Action: "GetCallerIdentity" });

    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("<Code>MissingAuthenticationToken</Code>");
  });
});

describe("AssumeRole", () => {
  it("issues credentials that S3 takes until their end", async () => {
    const { as, user, put, clock } = await stsOf();
    const command = new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "tests", DurationSeconds: 900 });
    const { Credentials, AssumedRoleUser } = await as(user).send(command);

    const early = await put(identity(Credentials));
    await clock.advance(900_000);

    expect(AssumedRoleUser).toEqual({
      Arn: "arn:aws:sts::123456789012:assumed-role/reader/tests",
      AssumedRoleId: expect.stringMatching(/^AROA[A-Z2-7]{17}:tests$/),
    });
    expect([early, await put(identity(Credentials))]).toEqual(["ok", "ExpiredToken"]);
  });

  it("lets a role be another role for an hour at most", async () => {
    const { as, instance, user } = await stsOf();
    const long = new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "tests", DurationSeconds: 7200 });

    await expect(as(await instance()).send(long)).rejects.toThrow("exceeds the 1 hour session limit");
    expect((await as(user).send(long)).Credentials?.AccessKeyId).toMatch(/^ASIA/);
  });

  it.each([
    [{ RoleSessionName: "tests" }, "Value null at 'roleArn'"],
    [{ RoleArn: ROLE }, "Value null at 'roleSessionName'"],
    [{ RoleArn: ROLE, RoleSessionName: "a b" }, "Value 'a b' at 'roleSessionName'"],
    [{ RoleArn: "reader", RoleSessionName: "tests" }, "reader is invalid"],
    [{ RoleArn: ROLE, RoleSessionName: "tests", DurationSeconds: 899 }, "greater than or equal to 900"],
    [{ RoleArn: ROLE, RoleSessionName: "tests", DurationSeconds: 43_201 }, "less than or equal to 43200"],
  ])("refuses %j", async (input, says) => {
    const { as, user } = await stsOf();

    await expect(as(user).send(new AssumeRoleCommand(input as never))).rejects.toMatchObject({
      name: "ValidationError",
      message: expect.stringContaining(says),
    });
  });

  it("stands behind the stock SDK's fromTemporaryCredentials", async () => {
    const { simulator, put, imds } = await stsOf();
    withEnvironment(simulator.environment());
    const masterCredentials = identityOf(await imds.credentials());

    const given = await fromTemporaryCredentials({
      masterCredentials,
      params: { RoleArn: ROLE, RoleSessionName: "tests" },
    })();

    expect(given.expiration).toBeInstanceOf(Date);
    expect(await put(given as Identity)).toBe("ok");
  });
});

describe("AssumeRoleWithWebIdentity", () => {
  it("needs no signature, but the token from the file", async () => {
    const { simulator, put } = await stsOf();
    withEnvironment(simulator.environment({ via: "web-identity" }));

    const given = await fromTokenFile()();

    expect(await put(given as Identity)).toBe("ok");
  });

  it("tells for whom it is, and from whom", async () => {
    const { simulator, as, user } = await stsOf({ region: "eu-west-1" });
    const { AWS_WEB_IDENTITY_TOKEN_FILE: file = "" } = simulator.environment({ via: "web-identity" });
    const command = new AssumeRoleWithWebIdentityCommand({
      RoleArn: ROLE,
      RoleSessionName: "tests",
      WebIdentityToken: await readFile(file, "utf8"),
    });

    expect(await as(user).send(command)).toMatchObject({
      SubjectFromWebIdentityToken: "system:serviceaccount:default:evertoken",
      Audience: "sts.amazonaws.com",
      Provider: expect.stringMatching(/^oidc\.eks\.eu-west-1\.amazonaws\.com\/id\/[0-9A-F]{32}$/),
    });
  });

  it("refuses a token that has ended, is for somebody else, is from somebody else, or is none", async () => {
    const { simulator, form, clock } = await stsOf();
    const tokenOf = (via: "web-identity" | "eks") => {
      const environment = simulator.environment({ via });
      return readFile(
        environment.AWS_WEB_IDENTITY_TOKEN_FILE ?? environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE ?? "",
        "utf8",
      );
    };
    const first = await tokenOf("web-identity");
    const pods = await tokenOf("eks");
    const claims = Buffer.from(JSON.stringify({ iss: "https://elsewhere" })).toString("base64url");
    await clock.advance(24 * HOUR);
    const codes = [];
    for (const token of [await tokenOf("web-identity"), first, pods, `a.${claims}.b`, "nonsense"]) {
      const answer = await form({
        Action: "AssumeRoleWithWebIdentity",
        RoleArn: ROLE,
        RoleSessionName: "tests",
        WebIdentityToken: token,
      });
      codes.push([answer.status, /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1]]);
    }

    expect(codes).toEqual([
      [200, undefined],
      [400, "ExpiredTokenException"],
      [400, "InvalidIdentityToken"],
      [400, "InvalidIdentityToken"],
      [400, "InvalidIdentityToken"],
    ]);
  });
});

describe("GetSessionToken", () => {
  it("gives a user temporary credentials, and a role none", async () => {
    const { as, user, put, instance } = await stsOf();
    const { Credentials } = await as(user).send(new GetSessionTokenCommand({ DurationSeconds: 900 }));

    const again = () => as(identity(Credentials)).send(new GetSessionTokenCommand({}));

    expect(await put(identity(Credentials))).toBe("ok");
    await expect(again()).rejects.toThrow("Cannot call GetSessionToken with session credentials");
    await expect(as(await instance()).send(new GetSessionTokenCommand({}))).rejects.toMatchObject({
      name: "AccessDenied",
    });
    expect((await as(identity(Credentials)).send(new GetCallerIdentityCommand({}))).Arn).toMatch(
      /:user\/evertoken-user$/,
    );
  });

  it("leaves the user's own key good, whatever is revoked", async () => {
    const { as, user, put, simulator } = await stsOf();
    const { Credentials } = await as(user).send(new GetSessionTokenCommand({}));

    simulator.fault("credentials-revoked");

    expect([await put(user), await put(identity(Credentials))]).toEqual(["ok", "ExpiredToken"]);
  });
});

describe("a request that STS does not know", () => {
  it.each([
    [{}, 400, "MissingAction"],
    [{ Action: "DanceWithMe" }, 400, "InvalidAction"],
    [{ Action: "toString" }, 400, "InvalidAction"],
    [{ Action: "GetCallerIdentity", Version: "1999-01-01" }, 400, "InvalidAction"],
    [{ Action: "GetCallerIdentity", Padding: "x".repeat(70_000) }, 413, "RequestEntityTooLarge"],
  ])("is refused: %j", async (fields, status, code) => {
    const { form } = await stsOf();

    const answer = await form(fields as Record<string, string>);

    expect(answer.status).toBe(status);
    expect(answer.headers.get("content-type")).toBe("text/xml");
    expect(await answer.text()).toMatch(
      new RegExp(
        `^<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${code}</Code>`,
      ),
    );
  });

  it.each([
    "Bearer x",
    "AWS4-HMAC-SHA256 Credential=A/20261123/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=short",
    "AWS4-HMAC-SHA256 Credential=A/20261123, SignedHeaders=host, Signature=",
  ])("with the Authorization %j is IncompleteSignature", async (authorization) => {
    const { simulator } = await stsOf();
    const body = new URLSearchParams({ Action: "GetCallerIdentity", Version: "2011-06-15" });

    const answer = await fetch(simulator.stsUrl, { method: "POST", body, headers: { authorization } });

    expect([answer.status, /<Code>(\w+)/.exec(await answer.text())?.[1]]).toEqual([400, "IncompleteSignature"]);
  });
});

describe("the journal of STS", () => {
  it("tells each request, the decision and the generation, and holds no secret", async () => {
    const { as, user, simulator, form } = await stsOf();
    const { Credentials } = await as(user).send(new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: "tests" }));
    await as(identity(Credentials)).send(new GetCallerIdentityCommand({}));
    await form({ Action: "GetCallerIdentity" });

    const entries = simulator.journal.entries();

    expect(
      entries.map(({ service, operation, status, decision, generation }) => [
        service,
        operation,
        status,
        decision,
        generation,
      ]),
    ).toEqual([
      ["sts", "AssumeRole", 200, "ok", 1],
      ["sts", "GetCallerIdentity", 200, "ok", 1],
      ["sts", "GetCallerIdentity", 403, "MissingAuthenticationToken", undefined],
    ]);
    const { secretAccessKey, sessionToken } = identity(Credentials);
    for (const secret of [secretAccessKey, sessionToken, user.secretAccessKey]) {
      expect(JSON.stringify(entries)).not.toContain(secret);
    }
  });
});
