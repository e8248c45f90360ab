import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken } from "./command.js";

const anyPort = ["--imds-port", "0", "--s3-port", "0"];

describe("evertoken simulate", () => {
  it("tells where it listens and what to set", async () => {
    const simulate = evertoken(["simulate", ...anyPort]);

    const printed = await simulate.says("Ctrl-C ends it.");

    for (const service of ["IMDS", "containers", "STS", "S3", "admin", "page"]) {
      expect(printed).toMatch(new RegExp(`^${service} +at http://127\\.0\\.0\\.1:\\d+$`, "m"));
    }
    expect(printed).toMatch(/export AWS_EC2_METADATA_SERVICE_ENDPOINT=http/);
    expect(printed).toMatch(/export AWS_ENDPOINT_URL_S3=http/);
  });

  it("tells the same to machines, and each request in a line", async () => {
    const simulate = evertoken(["simulate", "--json", ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");
    const { imdsUrl } = JSON.parse(first);
    await fetch(`${imdsUrl}/latest/meta-data/`);

    const [, second = ""] = (await simulate.says(/"decision".*\n/)).split("\n");

    expect(JSON.parse(second)).toMatchObject({ service: "imds", status: 401, decision: "session token missing" });
  });

  it("prints no secret, whatever it hands out", async () => {
    const simulate = evertoken(["simulate", "--json", ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");
    const { imdsUrl } = JSON.parse(first);
    const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
    const token = await (await fetch(`${imdsUrl}/latest/api/token`, { method: "PUT", headers: ttl })).text();
    const answer = await fetch(`${imdsUrl}/latest/meta-data/iam/security-credentials/evertoken-role`, {
      headers: { "x-aws-ec2-metadata-token": token },
    });
    const { SecretAccessKey, Token } = (await answer.json()) as { SecretAccessKey: string; Token: string };

    const printed = await simulate.says(/"operation":"credentials".*\n/);

    for (const secret of [token, SecretAccessKey, Token]) expect(printed).not.toContain(secret);
  });

  it("starts with the faults it is given", async () => {
    const simulate = evertoken(["simulate", "--json", "--fault", "imds-error", ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");

    expect((await fetch(`${JSON.parse(first).imdsUrl}/latest/`)).status).toBe(500);
  });

  it("plays the instance it is told to, until the file is read again on SIGHUP", async () => {
    const directory = mkdtempSync(join(tmpdir(), "evertoken-simulate-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const file = join(directory, "instance.yaml");
    writeFileSync(file, "instanceType: t4g.nano\n");
    const options = ["--instance", file, "--imdsv1", "--role", "worker", "--region", "eu-west-3", "--no-extended"];
    const simulate = evertoken(["simulate", "--json", ...options, ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");
    const read = async (path: string) => {
      const answer = await fetch(`${JSON.parse(first).imdsUrl}/latest/meta-data/${path}`);
      return answer.status === 200 ? answer.text() : answer.status;
    };
    const before = await Promise.all(
      ["instance-type", "placement/region", "iam/security-credentials/", "iam/security-credentials-extended/"].map(
        read,
      ),
    );

    writeFileSync(file, "instanceType: 5\n");
    simulate.child.kill("SIGHUP");
    await simulate.says(/instance\.yaml: instanceType is 5/);
    writeFileSync(file, "instanceType: c8g.large\n");
    simulate.child.kill("SIGHUP");

    expect(before).toEqual(["t4g.nano", "eu-west-3", "worker", 404]);
    await expect.poll(() => read("instance-type")).toBe("c8g.large");
  });

  it("lets happen to the instance what it is told to", async () => {
    const events = ["--event", "spot-interruption:stop@0", "--event", "lifecycle-state:Terminated@0"];
    const simulate = evertoken(["simulate", "--json", "--imdsv1", "--no-role", "--tags", ...events, ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");
    const read = async (path: string) => {
      const answer = await fetch(`${JSON.parse(first).imdsUrl}/latest/meta-data/${path}`);
      return answer.status === 200 ? answer.text() : answer.status;
    };

    expect(await read("spot/instance-action")).toContain('"action":"stop"');
    expect(await read("autoscaling/target-lifecycle-state")).toBe("Terminated");
    expect(await read("tags/instance/Name")).toBe("evertoken-simulator");
    expect(await read("iam/info")).toBe(404);
  });

  it.each([
    ["ecs", "AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    ["eks", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
    ["web-identity", "AWS_WEB_IDENTITY_TOKEN_FILE"],
  ])("tells what to set to come by way of %s", async (via, variable) => {
    const simulate = evertoken(["simulate", "--via", via, ...anyPort]);

    const printed = await simulate.says("Ctrl-C ends it.");
    const [, file] = /TOKEN_FILE=(.*)/.exec(printed) ?? [];
    simulate.child.kill("SIGTERM");
    await simulate.ended;

    expect(printed).toContain(`export ${variable}=`);
    // No token is left behind.
    expect(existsSync(file ?? "")).toBe(false);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("ends by %s at once, also with connections open", async (signal) => {
    const simulate = evertoken(["simulate", "--json", ...anyPort]);
    const [first = ""] = (await simulate.says("\n")).split("\n");
    await fetch(`${JSON.parse(first).imdsUrl}/latest/`);

    simulate.child.kill(signal);

    expect(await simulate.ended).toBe(0);
  });

  it("says which port is in use", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;

    const simulate = evertoken(["simulate", "--imds-port", String(port), "--s3-port", "0"]);

    expect(await simulate.ended).toBe(1);
    expect(simulate.printed()).toContain(`port ${port} for IMDS is in use`);
    expect(simulate.printed()).not.toContain("    at ");
  });

  it.each([
    [["--imds-port", "70000"], "expected a whole number from 0 to 65535"],
    [["--speed", "0"], "expected a number from 0.001"],
    [["--lifetime", "soon"], "expected a number"],
    [["--lifetime", "10", "--rotation", "20"], "--rotation is 20: expected at most --lifetime (10 minutes)"],
    [["--event", "earthquake@5"], "expected EVENT@MINUTES"],
    [["--event", "role-detached:now@5"], "role-detached takes no detail"],
    [["--event", "role-attached@5"], "role-attached needs its role"],
    [["--event", "lifecycle-state:Happy@5"], "evertoken simulate: --event is"],
    [["--instance", "/nowhere.yaml"], "/nowhere.yaml: file cannot be read"],
    [["--hop-limit", "65"], "expected a whole number from 1 to 64"],
    [["--fault", "imds-dwon"], "Allowed choices are imds-down"],
    [["now"], "too many arguments"],
    [["--clock", "fast"], "Allowed choices are manual"],
    [["--clock", "manual", "--speed", "2"], "--speed is given together with --clock manual"],
    [["--scenario", "no-such"], "expected a file (*.yaml), or one of container-endpoint-fails"],
    [["--journal", "/nowhere/run.jsonl"], "--journal cannot be written"],
    [["why"], "missing required argument 'request-id'"],
    [["why", "id", "--admin", "here"], '--admin is "here": expected a URL'],
  ])("refuses %j", async (args, says) => {
    const simulate = evertoken(["simulate", ...anyPort, ...args]);

    expect(await simulate.ended).toBe(2);
    expect(simulate.printed()).toContain(says);
  });
});

/** A simulator as a command, and what it says about itself. */
async function started(args: readonly string[]) {
  const simulate = evertoken(["simulate", "--json", ...anyPort, ...args]);
  const [first = ""] = (await simulate.says("\n")).split("\n");
  return { simulate, ...(JSON.parse(first) as { imdsUrl: string; s3Url: string; adminUrl: string }) };
}

async function steer(adminUrl: string, path: string, body: object): Promise<unknown> {
  return (await fetch(`${adminUrl}${path}`, { method: "POST", body: JSON.stringify(body) })).json();
}

/** An S3 request that is refused as expired. @returns its request id. */
async function refusedRequest({ imdsUrl, s3Url, adminUrl }: { imdsUrl: string; s3Url: string; adminUrl: string }) {
  const ttl = { "x-aws-ec2-metadata-token-ttl-seconds": "60" };
  const token = await (await fetch(`${imdsUrl}/latest/api/token`, { method: "PUT", headers: ttl })).text();
  const path = "/latest/meta-data/iam/security-credentials/evertoken-role";
  const answer = await fetch(`${imdsUrl}${path}`, { headers: { "x-aws-ec2-metadata-token": token } });
  const { AccessKeyId, SecretAccessKey, Token } = (await answer.json()) as Record<string, string>;
  await steer(adminUrl, "/faults", { fault: "credentials-revoked" });
  const credentials = {
    accessKeyId: AccessKeyId ?? "",
    secretAccessKey: SecretAccessKey ?? "",
    sessionToken: Token ?? "",
  };
  const s3 = new S3Client({ region: "us-east-1", endpoint: s3Url, forcePathStyle: true, credentials });
  const error = await s3.send(new ListBucketsCommand()).catch((error) => error);
  s3.destroy();
  return error.$metadata.requestId as string;
}

describe("a simulator that runs", () => {
  it("is steered through its admin API, the clock included", async () => {
    const { adminUrl, imdsUrl } = await started(["--clock", "manual"]);

    await steer(adminUrl, "/faults", { fault: "imds-error", status: 503 });
    const before = (await (await fetch(`${adminUrl}/clock`)).json()) as { epochMs: number };
    const after = (await steer(adminUrl, "/clock/advance", { ms: 60_000 })) as { epochMs: number };

    expect((await fetch(imdsUrl)).status).toBe(503);
    expect(after.epochMs - before.epochMs).toBe(60_000);
  });

  it("tells why a request was refused, also from its file when it is gone", async () => {
    const journal = join(await mkdtemp(join(tmpdir(), "evertoken-why-")), "run.jsonl");
    onTestFinished(() => rm(join(journal, ".."), { recursive: true }));
    const { simulate, ...urls } = await started(["--journal", journal]);
    const requestId = await refusedRequest(urls);

    const running = evertoken(["simulate", "why", requestId, "--admin", urls.adminUrl]);
    expect(await running.ended).toBe(0);
    simulate.child.kill("SIGTERM");
    await simulate.ended;
    const gone = evertoken(["simulate", "why", requestId, "--journal", journal, "--json"]);
    expect(await gone.ended).toBe(0);

    expect(running.printed()).toMatch(/generation 1 was issued for evertoken-role.*\n.*was handed generation 1/);
    expect(running.printed()).toContain("Its credentials were revoked before their end.");
    expect(JSON.parse(gone.printed())).toMatchObject({ requestId, conclusion: expect.stringContaining("revoked") });
  });

  it("says when there is no such request, or no simulator", async () => {
    const { adminUrl, simulate } = await started([]);

    const unknown = evertoken(["simulate", "why", "NOBODY", "--admin", adminUrl]);
    expect(await unknown.ended).toBe(1);
    simulate.child.kill("SIGTERM");
    await simulate.ended;
    const nobody = evertoken(["simulate", "why", "NOBODY", "--admin", adminUrl]);
    expect(await nobody.ended).toBe(1);

    expect(unknown.printed()).toContain("no request NOBODY is in the journal");
    expect(nobody.printed()).toContain("does not answer");
    expect(nobody.printed()).toContain("Start evertoken simulate");
  });
});

describe("a scenario that is played", () => {
  const SCENARIO = `title: A short one
about: IMDS fails for a moment
lasts: 4s
timeline: [ { at: 0, fault: imds-error, status: 503 } ]
expect: [ { requests: { service: imds, status: 503 }, atLeast: 1 } ]
`;

  async function file() {
    const directory = await mkdtemp(join(tmpdir(), "evertoken-scenario-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, "short.yaml");
    await writeFile(path, SCENARIO);
    return path;
  }

  it("ends by itself, and well, when it went as expected", async () => {
    const { simulate, imdsUrl, adminUrl } = await started(["--clock", "manual", "--scenario", await file()]);
    await fetch(imdsUrl);

    await steer(adminUrl, "/clock/advance", { ms: 4000 }).catch(() => {});

    expect(await simulate.ended).toBe(0);
    expect(simulate.printed()).toContain('"passed":true');
  });

  it("ends with 1, and says what was not so, when it did not", async () => {
    const simulate = evertoken(["simulate", ...anyPort, "--speed", "100", "--scenario", await file()]);

    expect(await simulate.ended).toBe(1);
    expect(simulate.printed()).toContain("scenario: A short one");
    expect(simulate.printed()).toContain("NOT SO       at least 1 requests: service imds, status 503: there were 0");
  });

  it("has no verdict when it is interrupted", async () => {
    const { simulate } = await started(["--clock", "manual", "--scenario", "poisoned-pool"]);

    simulate.child.kill("SIGINT");

    expect(await simulate.ended).toBe(130);
    expect(simulate.printed()).not.toContain("passed");
  });

  it("is one of a list, with who is known to fail it", async () => {
    const list = evertoken(["simulate", "scenarios"]);

    expect(await list.ended).toBe(0);
    expect(list.printed()).toMatch(/poisoned-pool\n {2}The bug that started it.*\n {4}failed by aws-sdk-cpp/);
  });
});

describe("evertoken", () => {
  it.each([
    ["--help"],
    ["demo", "--help"],
    ["simulate", "--help"],
    ["simulate", "why", "--help"],
    ["simulate", "scenarios", "--help"],
  ])("%s %s tells what there is", async (...args) => {
    const help = evertoken(args.filter((arg) => arg !== undefined));

    expect(await help.ended).toBe(0);
    expect(help.printed()).toContain("Usage: evertoken");
    if (args.length > 1) {
      expect(help.printed()).toContain("Example:");
      expect(help.printed()).toContain("Exit codes:");
    }
  });

  it.each([[["nonsense"]], [[]]])("with %j tells how it is used", async (args) => {
    const command = evertoken(args);

    expect(await command.ended).toBe(2);
    expect(command.printed()).toMatch(/Usage: evertoken|--help/);
  });
});
