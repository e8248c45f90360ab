import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken } from "./command.js";

const anyPort = ["--imds-port", "0", "--s3-port", "0"];

describe("evertoken simulate", () => {
  it("tells where it listens and what to set", async () => {
    const simulate = evertoken(["simulate", ...anyPort]);

    const printed = await simulate.says("Ctrl-C ends it.");

    for (const service of ["IMDS", "containers", "STS", "S3"]) {
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
    [["--lifetime", "10", "--rotation", "20"], "rotationIntervalMs is 1200000: expected at most"],
    [["--event", "earthquake@5"], "expected EVENT@MINUTES"],
    [["--event", "role-detached:now@5"], "role-detached takes no detail"],
    [["--event", "role-attached@5"], "role-attached needs its role"],
    [["--event", "lifecycle-state:Happy@5"], "instanceEvents[0].state is"],
    [["--instance", "/nowhere.yaml"], "/nowhere.yaml: file cannot be read"],
    [["--hop-limit", "65"], "expected a whole number from 1 to 64"],
    [["--fault", "imds-dwon"], "Allowed choices are imds-down"],
    [["now"], "too many arguments"],
  ])("refuses %j", async (args, says) => {
    const simulate = evertoken(["simulate", ...anyPort, ...args]);

    expect(await simulate.ended).toBe(2);
    expect(simulate.printed()).toContain(says);
  });
});

describe("evertoken", () => {
  it.each([["--help"], ["demo", "--help"], ["simulate", "--help"]])("%s %s tells what there is", async (...args) => {
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
