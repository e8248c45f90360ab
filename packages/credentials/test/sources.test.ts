import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { InvalidInputError } from "@evertoken/core";
import {
  ContainerCredentialsError,
  type CredentialSource,
  CredentialsUnavailableError,
  createKeeper,
  fromContainer,
  fromDefaultChain,
  fromEnvironment,
  fromImds,
  fromProvider,
  fromSharedConfig,
  fromWebIdentity,
} from "@evertoken/credentials";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";

const load = (source: CredentialSource) => source.load({ signal: new AbortController().signal });

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "evertoken-sources-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function file(name: string, text: string): string {
  const path = join(folder(), name);
  writeFileSync(path, text);
  return path;
}

/** Sets variables of the process for one test. */
function environment(variables: Record<string, string>): void {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  onTestFinished(() => {
    process.env = before;
  });
}

async function serverThat(answers: (incoming: IncomingMessage, outgoing: ServerResponse, asked: number) => void) {
  const seen: IncomingMessage[] = [];
  const server = createServer((incoming, outgoing) => answers(incoming, outgoing, seen.push(incoming)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

/** STS, as far as `action` goes. */
async function stsThatGives(action: string, accessKeyId: string) {
  return serverThat((_, outgoing) =>
    outgoing
      .setHeader("content-type", "text/xml")
      .end(`<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result><Credentials>
        <AccessKeyId>${accessKeyId}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
        <Expiration>2126-11-23T18:00:00Z</Expiration></Credentials></${action}Result></${action}Response>`),
  );
}

/** The environment of a pod with a role of its own. */
async function webIdentity() {
  const { url } = await stsThatGives("AssumeRoleWithWebIdentity", "ASIAWEB");
  return {
    AWS_WEB_IDENTITY_TOKEN_FILE: file("token", "a.b.c"),
    AWS_ROLE_ARN: "arn:aws:iam::123456789012:role/pod",
    AWS_REGION: "us-east-1",
    AWS_ENDPOINT_URL_STS: url,
  };
}

const DOCUMENT = {
  AccessKeyId: "ASIACONTAINER",
  SecretAccessKey: "planted-secret",
  Token: "planted-token",
  Expiration: "2026-11-23T18:00:00Z",
  AccountId: "123456789012",
};

describe("the container endpoint", () => {
  const container = (url: string, more: Record<string, string> = {}) =>
    fromContainer({
      environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/v1/credentials?a=b`, ...more },
      random: () => 0,
    });

  it("gives credentials to who shows its authorization token", async () => {
    const { url, seen } = await serverThat((_, outgoing) => outgoing.end(JSON.stringify(DOCUMENT)));

    const { credentials } = await load(container(url, { AWS_CONTAINER_AUTHORIZATION_TOKEN: "Bearer abc" }));

    expect(credentials).toMatchObject({
      accessKeyId: "ASIACONTAINER",
      expiration: new Date("2026-11-23T18:00:00Z"),
      accountId: "123456789012",
    });
    expect(credentials.secretAccessKey).toBe("planted-secret");
    expect(seen[0]?.url).toBe("/v1/credentials?a=b");
    expect(seen[0]?.headers.authorization).toBe("Bearer abc");
    expect(inspect(credentials)).not.toContain("planted");
  });

  it("is shown the token that is in the file at each refresh", async () => {
    const { url, seen } = await serverThat((_, outgoing) => outgoing.end(JSON.stringify(DOCUMENT)));
    const path = file("token", "first\n");
    const source = container(url, {
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: path,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: "not this one",
    });

    await load(source);
    writeFileSync(path, "second\n");
    await load(source);

    expect(seen.map(({ headers }) => headers.authorization)).toEqual(["first", "second"]);
  });

  it.each([429, 500, 503])("is asked again after %i", async (status) => {
    const { url } = await serverThat((_, outgoing, asked) =>
      asked < 3 ? outgoing.writeHead(status).end() : outgoing.end(JSON.stringify(DOCUMENT)),
    );

    await expect(load(container(url))).resolves.toMatchObject({ credentials: { accessKeyId: "ASIACONTAINER" } });
  });

  it.each([
    ["a cut connection", (outgoing: ServerResponse) => void outgoing.destroy()],
    ["an answer that makes no sense", (outgoing: ServerResponse) => void outgoing.end("<html>busy</html>")],
    ["no answer within a second", () => {}],
  ])("is asked again after %s", async (_, first) => {
    const { url } = await serverThat((_, outgoing, asked) =>
      asked === 1 ? first(outgoing) : outgoing.end(JSON.stringify(DOCUMENT)),
    );

    await expect(load(container(url))).resolves.toMatchObject({ credentials: { accessKeyId: "ASIACONTAINER" } });
  });

  it("that redirects is not followed: its authorization token would go elsewhere", async () => {
    const elsewhere = await serverThat((_, outgoing) => outgoing.end(JSON.stringify(DOCUMENT)));
    const { url } = await serverThat((_, outgoing) => outgoing.writeHead(302, { location: elsewhere.url }).end());

    await expect(load(container(url))).rejects.toThrow("it answered 302");
    expect(elsewhere.seen).toEqual([]);
  });

  it("is asked for one attempt only when the watch asks", async () => {
    const { url, seen } = await serverThat((_, outgoing) => outgoing.writeHead(503).end());

    await container(url)
      .load({ signal: new AbortController().signal, attempts: 1 })
      .catch(() => {});

    expect(seen).toHaveLength(1);
  });

  it.each([400, 401, 403, 404])("is not asked again after %i", async (status) => {
    const { url, seen } = await serverThat((_, outgoing) => outgoing.writeHead(status).end());

    const error = await load(container(url)).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(ContainerCredentialsError);
    expect(String(error)).toContain(`${url}/v1/credentials gave no credentials (it answered ${status})`);
    expect(seen).toHaveLength(1);
  });

  it.each([
    ["nothing", "", "empty instead of JSON"],
    ["null", "null", "not a JSON object"],
    ["an HTML page", "<html>busy</html>", "not JSON but an HTML or XML page"],
    ["an empty success", "{}", "has no"],
    ["no end", JSON.stringify({ ...DOCUMENT, Expiration: undefined }), "no Expiration"],
    ["half a document", JSON.stringify(DOCUMENT).slice(0, 90), "cut off after 90 characters"],
  ])("that answers %s as success is a clear error, without the secret in it", async (_, answer, says) => {
    const { url } = await serverThat((_, outgoing) => outgoing.end(answer));

    const error = await load(container(url)).catch((thrown: unknown) => thrown);

    expect(String(error)).toContain(says);
    expect(inspect(error, { depth: 9 })).not.toContain("planted");
  });

  it.each([
    ["http://127.0.0.1:1/x"],
    ["http://127.200.0.1:1/x"],
    ["http://localhost:1/x"],
    ["http://[::1]:1/x"],
    ["http://169.254.170.2/x"],
    ["http://169.254.170.23/v1/credentials"],
    ["http://[fd00:ec2::23]/v1/credentials"],
    ["https://credentials.example.com/x"],
  ])("may be %s", (uri) => {
    expect(() => fromContainer({ environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri } })).not.toThrow();
  });

  it.each([
    ["http://credentials.example.com/x"],
    ["http://169.254.169.254/x"],
    ["http://127.0.0.1.example.com/x"],
    ["ftp://127.0.0.1/x"],
    ["credentials"],
  ])("may not be %s", (uri) => {
    expect(() => fromContainer({ environment: { AWS_CONTAINER_CREDENTIALS_FULL_URI: uri } })).toThrow(
      InvalidInputError,
    );
  });

  it("of ECS is where a relative URI leads", () => {
    const source = fromContainer({ environment: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/v2/credentials/1" } });

    expect(source.name).toBe("the container endpoint http://169.254.170.2/v2/credentials/1");
  });

  it("whose token cannot be read or sent says which file, and not what is in it", async () => {
    const { url } = await serverThat((_, outgoing) => outgoing.end());
    const broken = file("token", "line\nplanted-line");

    await expect(load(container(url, { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: "/no/such" }))).rejects.toThrow(
      /\/no\/such/,
    );
    const error = await load(container(url, { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: broken })).catch(
      (thrown) => thrown,
    );
    expect(String(error)).toContain(broken);
    expect(inspect(error)).not.toContain("planted");
  });

  it("does not empty a Keeper when it fails (ruby #3375): what is held stays", async () => {
    let down = false;
    const { url } = await serverThat((_, outgoing) =>
      down
        ? outgoing.writeHead(500).end()
        : outgoing.end(JSON.stringify({ ...DOCUMENT, Expiration: "2126-01-01T00:00:00Z" })),
    );
    const source = container(url);
    const keeper = createKeeper({ source });
    onTestFinished(() => keeper.close());
    await keeper.provider();

    down = true;
    await expect(keeper.refresh()).rejects.toThrow("it answered 500");

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "ASIACONTAINER" });
  });
});

describe("an IMDS that hands out what has run out already", () => {
  it("is believed for want of better, and asked again until it has something that is good", async () => {
    let expiration = "2020-01-01T06:00:00Z";
    const { url } = await serverThat((incoming, outgoing) => {
      if (incoming.method === "PUT") outgoing.end("session-token");
      else if (incoming.url?.endsWith("/")) outgoing.end("demo-role");
      else
        outgoing.end(
          JSON.stringify({ ...DOCUMENT, AccessKeyId: `UNTIL${expiration.slice(0, 4)}`, Expiration: expiration }),
        );
    });
    const source = fromImds({ endpoint: url });
    const keeper = createKeeper({ source });
    onTestFinished(() => {
      keeper.close();
      source.close?.();
    });
    const warned = new Promise((resolve) => keeper.on("servingExpired", resolve));

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "UNTIL2020" });
    await expect(warned).resolves.toMatchObject({ accessKeyId: "UNTIL2020" });
    expiration = "2126-01-01T06:00:00Z";
    await new Promise((resolve) => keeper.on("rotated", resolve));

    await expect(keeper.provider()).resolves.toMatchObject({ accessKeyId: "UNTIL2126" });
  });
});

describe("the environment", () => {
  it("gives what the variables say, with their end", async () => {
    const { credentials } = await load(
      fromEnvironment({
        AWS_ACCESS_KEY_ID: "AKIA",
        AWS_SECRET_ACCESS_KEY: "planted",
        AWS_SESSION_TOKEN: "planted-too",
        AWS_CREDENTIAL_EXPIRATION: "2026-11-23T18:00:00Z",
        AWS_ACCOUNT_ID: "123456789012",
      }),
    );

    expect(credentials).toMatchObject({ accessKeyId: "AKIA", accountId: "123456789012" });
    expect(credentials.expiration).toEqual(new Date("2026-11-23T18:00:00Z"));
    expect(JSON.stringify(credentials)).not.toContain("planted");
  });

  it.each([
    [{}, "AWS_ACCESS_KEY_ID expected"],
    [{ AWS_ACCESS_KEY_ID: "AKIA" }, "AWS_SECRET_ACCESS_KEY to be set"],
    [
      { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "x", AWS_CREDENTIAL_EXPIRATION: "soon" },
      "AWS_CREDENTIAL_EXPIRATION=soon expected an instant",
    ],
  ])("with %j is refused", async (variables, says) => {
    await expect(load(fromEnvironment(variables))).rejects.toThrow(says);
  });
});

describe("providers of the AWS SDK", () => {
  it("are asked past their own cache at each load", async () => {
    const asked: unknown[] = [];
    const provider = async (options?: { forceRefresh?: boolean }) => {
      asked.push(options);
      return { accessKeyId: "A", secretAccessKey: "s" };
    };

    await load(fromProvider(provider));

    expect(asked).toEqual([{ forceRefresh: true }]);
  });

  it("read a profile of the shared files, anew each time", async () => {
    const path = file("credentials", "[other]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n");
    environment({ AWS_SHARED_CREDENTIALS_FILE: path });
    const source = fromSharedConfig({ profile: "other" });

    const first = await load(source);
    writeFileSync(path, "[other]\naws_access_key_id = AKIANEW\naws_secret_access_key = s\n");
    const second = await load(source);

    expect([first.credentials.accessKeyId, second.credentials.accessKeyId]).toEqual(["AKIAFILE", "AKIANEW"]);
  });

  it("run the process that a profile names", async () => {
    const output = JSON.stringify({ Version: 1, AccessKeyId: "AKIAPROCESS", SecretAccessKey: "s" });
    const script = file("print.mjs", `console.log(${JSON.stringify(output)});`);
    environment({ AWS_CONFIG_FILE: file("config", `[default]\ncredential_process = ${process.execPath} ${script}\n`) });

    const { credentials } = await load(fromSharedConfig());

    expect(credentials.accessKeyId).toBe("AKIAPROCESS");
  });

  it("exchange a web identity at STS", async () => {
    environment(await webIdentity());

    const { credentials } = await load(fromWebIdentity());

    expect(credentials).toMatchObject({ accessKeyId: "ASIAWEB", expiration: new Date("2126-11-23T18:00:00Z") });
  });

  it("assume the role that a profile names, with the keys of another", async () => {
    const { url, seen } = await stsThatGives("AssumeRole", "ASIAROLE");
    const config = file(
      "config",
      [
        "[profile base]",
        "aws_access_key_id = AKIABASE",
        "aws_secret_access_key = s",
        "[profile app]",
        "role_arn = arn:aws:iam::123456789012:role/app",
        "source_profile = base",
        "region = us-east-1",
      ].join("\n"),
    );
    environment({ AWS_CONFIG_FILE: config, AWS_ENDPOINT_URL_STS: url, AWS_REGION: "us-east-1" });

    const { credentials } = await load(fromSharedConfig({ profile: "app" }));

    expect(credentials).toMatchObject({ accessKeyId: "ASIAROLE", expiration: new Date("2126-11-23T18:00:00Z") });
    expect(seen[0]?.headers.authorization).toContain("Credential=AKIABASE/");
  });

  it("show the token of a login by SSO", async () => {
    const { url, seen } = await serverThat((_, outgoing) =>
      outgoing
        .setHeader("content-type", "application/json")
        .end(
          '{"roleCredentials":{"accessKeyId":"ASIASSO","secretAccessKey":"s","sessionToken":"t","expiration":4e12}}',
        ),
    );
    const home = folder();
    const startUrl = "https://example.awsapps.com/start";
    const cache = join(home, ".aws", "sso", "cache");
    mkdirSync(cache, { recursive: true });
    const name = createHash("sha1").update(startUrl).digest("hex");
    const login = { startUrl, region: "us-east-1", accessToken: "the-login", expiresAt: "2126-01-01T00:00:00Z" };
    writeFileSync(join(cache, `${name}.json`), JSON.stringify(login));
    const config = file(
      "config",
      [
        "[profile sso]",
        `sso_start_url = ${startUrl}`,
        "sso_region = us-east-1",
        "sso_account_id = 123456789012",
        "sso_role_name = app",
      ].join("\n"),
    );
    environment({ AWS_CONFIG_FILE: config, HOME: home, AWS_ENDPOINT_URL_SSO: url, AWS_REGION: "us-east-1" });

    const { credentials } = await load(fromSharedConfig({ profile: "sso" }));

    expect(credentials).toMatchObject({ accessKeyId: "ASIASSO", expiration: new Date(4e12) });
    expect(seen[0]?.headers["x-amz-sso_bearer_token"]).toBe("the-login");
  });
});

describe("the default chain", () => {
  it("takes the first that is configured, in the order of the AWS SDK", async () => {
    const { url } = await serverThat((_, outgoing) => outgoing.end(JSON.stringify(DOCUMENT)));
    const idOf = async () => (await load(fromDefaultChain())).credentials.accessKeyId;

    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/` });
    expect(await idOf()).toBe("ASIACONTAINER");
    environment({ ...(await webIdentity()), AWS_PROFILE: "" });
    expect(await idOf()).toBe("ASIAWEB");
    environment({
      AWS_SHARED_CREDENTIALS_FILE: file(
        "credentials",
        "[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = s\n",
      ),
    });
    expect(await idOf()).toBe("AKIAFILE");
    environment({ AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s" });
    expect(await idOf()).toBe("AKIAENV");
    environment({ AWS_PROFILE: "default" });
    expect(await idOf()).toBe("AKIAFILE");
  });

  it("passes over shared files that say nothing of credentials", async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    environment({ AWS_CONFIG_FILE: file("config", "[default]\nregion = eu-central-1\n"), ...simulator.environment() });
    const source = fromDefaultChain();

    await expect(load(source)).resolves.toMatchObject({ credentials: { accessKeyId: expect.stringMatching(/^ASIA/) } });
    expect(source).toMatchObject({ name: `IMDS at ${simulator.imdsUrl}`, watchable: true });
  });

  it("stays with what it found: a failure later is not a reason to become somebody else", async () => {
    let down = false;
    const { url } = await serverThat((_, outgoing) =>
      down ? outgoing.writeHead(403).end() : outgoing.end(JSON.stringify(DOCUMENT)),
    );
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/` });
    const source = fromDefaultChain();
    await load(source);

    down = true;
    environment({ AWS_ACCESS_KEY_ID: "AKIAENV", AWS_SECRET_ACCESS_KEY: "s" });

    await expect(load(source)).rejects.toThrow(ContainerCredentialsError);
  });

  it("does not go on to IMDS when a container endpoint is configured and fails", async () => {
    const { url } = await serverThat((_, outgoing) => outgoing.writeHead(403).end());
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/` });

    const error = await load(fromDefaultChain()).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(CredentialsUnavailableError);
    expect(String(error)).not.toContain("IMDS");
  });

  it("lists every source it tried and why it was passed over", async () => {
    environment({ AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://127.0.0.1:1", AWS_METADATA_SERVICE_NUM_ATTEMPTS: "1" });

    const error = await load(fromDefaultChain()).catch((thrown: unknown) => thrown);

    expect(String(error)).toMatch(
      /1\. environment: AWS_ACCESS_KEY_ID .* not set; 2\. shared config files: there is neither .*; 3\. web identity: .* not set; 4\. container: .* not set; 5\. IMDS: IMDS at http:\/\/127\.0\.0\.1:1 did not answer/,
    );
  });

  it("says when IMDS is switched off, and sends it nothing", async () => {
    const { url, seen } = await serverThat((_, outgoing) => outgoing.end());
    environment({ AWS_EC2_METADATA_DISABLED: "true", AWS_EC2_METADATA_SERVICE_ENDPOINT: url });

    await expect(load(fromDefaultChain())).rejects.toThrow(/5\. IMDS: switched off by AWS_EC2_METADATA_DISABLED/);
    expect(seen).toEqual([]);
  });

  it("lists a source that is configured wrongly like one that failed", async () => {
    environment({ AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://example.com/" });

    await expect(load(fromDefaultChain())).rejects.toThrow(
      /3\. web identity: .* not set; 4\. container: environment: AWS_CONTAINER_CREDENTIALS_FULL_URI=.* expected https/,
    );
  });
});

describe("a source that asks IMDS", () => {
  it.each([
    ["by itself", (endpoint: string) => fromImds({ endpoint })],
    ["by the default chain", () => fromDefaultChain()],
  ])("%s lets its Keeper tell of each request, until the Keeper is closed", async (_, make) => {
    const simulator = await startSimulator();
    environment(simulator.environment());
    const source = make(simulator.imdsUrl);
    const keeper = createKeeper({ source });
    onTestFinished(async () => {
      keeper.close();
      source.close?.();
      await simulator.close();
    });
    const paths: string[] = [];
    keeper.on("imdsRequest", ({ path }) => paths.push(path));

    await keeper.provider();

    const role = "/latest/meta-data/iam/security-credentials-extended/";
    expect(paths).toEqual(["/latest/api/token", role, `${role}evertoken-role`]);
    expect(keeper.status().sourceKind).toBe("imds");
    keeper.close();
    await load(source);
    expect(paths).toHaveLength(3);
  });
});

describe("each source", () => {
  it("says of what kind it is", () => {
    const kinds = [
      fromImds(),
      fromContainer({ environment: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" } }),
      fromEnvironment({}),
      fromSharedConfig(),
      fromWebIdentity(),
      fromProvider(async () => DOCUMENT as never),
      fromDefaultChain(),
    ].map(({ kind }) => kind);

    expect(kinds).toEqual(["imds", "container", "environment", "shared-config", "web-identity", "provider", undefined]);
  });

  it("tells whether it may be watched cheaply", () => {
    expect(fromImds().watchable).toBe(true);
    expect(fromContainer({ environment: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" } }).watchable).toBe(true);
    for (const source of [
      fromEnvironment({}),
      fromSharedConfig(),
      fromWebIdentity(),
      fromProvider(async () => DOCUMENT as never),
    ]) {
      expect(source.watchable).toBe(false);
    }
  });
});
