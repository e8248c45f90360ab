/** The agent as a command, and the commands that use it: real processes, signals, files. */

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { evertoken, type Running } from "./command.js";

const anyPort = ["--port", "0", "--admin-port", "0"];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "evertoken-agent-command-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

interface AgentFile {
  readonly container: string;
  readonly imds?: string;
  readonly admin: string;
}

async function agent(args: readonly string[] = [], env: Record<string, string> = {}) {
  const directory = folder();
  const running = evertoken(["agent", "--simulate", "--directory", directory, ...anyPort, ...args], env);
  await running.says("the agent answers");
  const file = JSON.parse(readFileSync(join(directory, "agent.json"), "utf8")) as AgentFile;
  return { directory, running, file };
}

function get(url: string, headers: Record<string, string> = {}): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { headers }, async (incoming) => {
      let body = "";
      for await (const chunk of incoming) body += chunk;
      resolve({ status: incoming.statusCode ?? 0, body });
    });
    outgoing.on("error", reject).end();
  });
}

const ended = async (running: Running) => ({ code: await running.ended, printed: running.printed() });

/** What the command printed that is JSON. */
const PRINT_ENVIRONMENT = [process.execPath, "-e", "process.stdout.write(JSON.stringify(process.env))"];

describe("evertoken agent", () => {
  it.each(["SIGINT", "SIGTERM"] as const)("ends by %s with 0, told in its log", async (signal) => {
    const { running } = await agent();

    running.child.kill(signal);

    expect(await running.ended).toBe(0);
    expect(running.printed()).toContain("the agent has ended");
  });

  it("reads its configuration again on SIGHUP, and keeps the old settings when the file is bad", async () => {
    const config = join(folder(), "agent.yaml");
    writeFileSync(config, "readySeconds: 60\n");
    const { running, file } = await agent(["--config", config]);

    writeFileSync(config, "readySeconds: 30000\nport: 1\n");
    running.child.kill("SIGHUP");
    await running.says("the configuration is in force");
    expect((await get(`${file.admin}/readyz`)).status).toBe(503);

    writeFileSync(config, "readySeconds: soon\n");
    running.child.kill("SIGHUP");
    await running.says("the settings stay as they were");

    expect(running.printed()).toContain('readySeconds is \\"soon\\": expected a whole number from 0 to 43200');
    expect(JSON.parse((await get(`${file.admin}/readyz`)).body)).toMatchObject({ readySeconds: 30_000 });
  });

  it("makes new authorization tokens on SIGUSR1, and opens no debugger", async () => {
    const { running, directory } = await agent();
    const before = readFileSync(join(directory, "authorization-token"), "utf8");

    running.child.kill("SIGUSR1");
    await running.says("new authorization tokens");

    expect(readFileSync(join(directory, "authorization-token"), "utf8")).not.toBe(before);
    expect(running.printed()).not.toContain("Debugger listening");
  });

  it("leaves its memory out of core dumps", async () => {
    const { running } = await agent();

    expect(Number.parseInt(readFileSync(`/proc/${running.child.pid}/coredump_filter`, "utf8"), 16)).toBe(0);
  });

  it.each([
    [["--port", "70000"], "expected a whole number from 0 to 65535"],
    [["--host", "0.0.0.0"], 'host is "0.0.0.0", which others can reach'],
    [["--assume-role", "backup"], "expected NAME=ARN"],
    [["--assume-role", "backup=arn:nonsense"], `--assume-role is "arn:nonsense"`],
    [["--state", "/tmp/state"], "--state-key is missing"],
    [["--config", "/nonexistent.yaml"], "/nonexistent.yaml cannot be read"],
  ])("refuses %j", async (args, says) => {
    const { code, printed } = await ended(evertoken(["agent", "--simulate", "--directory", folder(), ...args]));

    expect(code).toBe(2);
    expect(printed).toContain(says);
  });

  it("takes paths from where it is started, as any command does", async () => {
    const path = relative(process.cwd(), folder());
    const running = evertoken(["agent", "--simulate", "--directory", path, "--socket", join(path, "sock"), ...anyPort]);
    await running.says("the agent answers");

    expect(await ended(evertoken(["status", "--directory", path]))).toMatchObject({ code: 0 });
  });

  it("says which port is in use", async () => {
    const { file } = await agent();
    const { port } = new URL(file.container);

    const { code, printed } = await ended(
      evertoken(["agent", "--simulate", "--directory", folder(), "--admin-port", "0", "--port", port]),
    );

    expect(code).toBe(1);
    expect(printed).toContain(`127.0.0.1:${port}: it is in use`);
  });
});

const notRoot = process.getuid?.() !== 0;
if (notRoot) console.warn("SKIPPED: only root can become another user");

describe("evertoken agent --user", () => {
  it.skipIf(notRoot)("is that user for good once its ports are open, and so are its files and its socket", async () => {
    const socket = join(folder(), "agent.sock");
    // Which only root can open.
    const port = 600 + (process.pid % 400);

    const { running, directory, file } = await agent(["--user", "nobody", "--socket", socket, "--port", `${port}`]);

    expect(file.container).toBe(`http://127.0.0.1:${port}`);
    const nobody = statSync(join(directory, "authorization-token")).uid;
    expect(nobody).not.toBe(0);
    expect(statSync(socket)).toMatchObject({ uid: nobody });
    const status = readFileSync(`/proc/${running.child.pid}/status`, "utf8");
    expect(status).toMatch(new RegExp(`^Uid:(\\t${nobody}){4}$`, "m"));
    expect(status).toMatch(/^CapEff:\t0+$/m);
    running.child.kill("SIGUSR1");
    await running.says("new authorization tokens");
    const authorization = readFileSync(join(directory, "authorization-token"), "utf8");
    expect((await get(`${file.container}/v1/credentials`, { authorization })).status).toBe(200);
  });

  it("that does not exist is refused", async () => {
    const args = ["agent", "--simulate", "--directory", folder(), ...anyPort, "--user", "nobody-of-that-name"];

    expect(await ended(evertoken(args))).toMatchObject({
      code: 2,
      printed: expect.stringContaining("expected one of /etc/passwd"),
    });
  });
});

describe("evertoken exec", () => {
  it("points the command's SDK at the agent by the container protocol, and clears what would keep it from there", async () => {
    const { directory, file } = await agent();

    const { code, printed } = await ended(
      evertoken(["exec", "--directory", directory, "--", ...PRINT_ENVIRONMENT], {
        AWS_ACCESS_KEY_ID: "AKIAINTHEWAY",
        AWS_PROFILE: "in-the-way",
      }),
    );

    const environment = JSON.parse(printed);
    expect(code).toBe(0);
    expect(environment).toMatchObject({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${file.container}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(directory, "authorization-token"),
    });
    expect(environment).not.toHaveProperty("AWS_ACCESS_KEY_ID");
    expect(environment).not.toHaveProperty("AWS_PROFILE");
    expect(environment).not.toHaveProperty("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  });

  it("does so by the IMDS protocol, where the agent speaks it", async () => {
    const without = await agent();
    const speaking = await agent(["--imds-port", "0"]);
    const exec = (directory: string) =>
      ended(evertoken(["exec", "--via", "imds", "--directory", directory, "--", ...PRINT_ENVIRONMENT]));

    expect(JSON.parse((await exec(speaking.directory)).printed)).toMatchObject({
      AWS_EC2_METADATA_SERVICE_ENDPOINT: speaking.file.imds,
      AWS_EC2_METADATA_V1_DISABLED: "true",
    });
    expect(await exec(without.directory)).toMatchObject({ code: 1, printed: expect.stringContaining("--imds-port") });
  });

  it("ends as the command ends", async () => {
    const { directory } = await agent();
    const exec = (...command: string[]) => ended(evertoken(["exec", "--directory", directory, "--", ...command]));

    expect((await exec("sh", "-c", "exit 7")).code).toBe(7);
    expect((await exec("sh", "-c", "kill -KILL $$")).code).toBe(137);
    expect(await exec("no-such-command")).toMatchObject({
      code: 127,
      printed: expect.stringContaining("no-such-command"),
    });
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1"] as const)("passes %s on to the command", async (signal) => {
    const { directory } = await agent();
    const script = `process.on("${signal}", () => { console.log("heard"); process.exit(3); }); console.log("up"); setInterval(() => {}, 1000);`;
    const exec = evertoken(["exec", "--directory", directory, "--", process.execPath, "-e", script]);
    await exec.says("up");

    exec.child.kill(signal);

    expect(await exec.ended).toBe(3);
    expect(exec.printed()).toContain("heard");
  });

  it("says what to do when there is no agent", async () => {
    const { code, printed } = await ended(evertoken(["exec", "--directory", folder(), "--", "true"]));

    expect(code).toBe(1);
    expect(printed).toContain("start one with evertoken agent");
  });
});

describe("evertoken credential-process", () => {
  const PRINTED = {
    Version: 1,
    AccessKeyId: expect.stringMatching(/^ASIA/),
    SecretAccessKey: expect.any(String),
    SessionToken: expect.any(String),
    Expiration: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    AccountId: expect.stringMatching(/^\d{12}$/),
  };

  it("prints the agent's credentials", async () => {
    const { directory, running } = await agent();

    const { code, printed } = await ended(evertoken(["credential-process", "--directory", directory]));

    expect(code).toBe(0);
    expect(JSON.parse(printed)).toEqual(PRINTED);
    expect(running.printed()).toContain(JSON.parse(printed).AccessKeyId);
  });

  it("asks the source itself when there is no agent", async () => {
    const simulate = evertoken(["simulate", "--json", "--imds-port", "0", "--s3-port", "0"]);
    const [first = ""] = (await simulate.says("\n")).split("\n");

    const { code, printed } = await ended(
      evertoken(["credential-process", "--directory", folder()], JSON.parse(first).environment),
    );

    expect(code).toBe(0);
    expect(JSON.parse(printed)).toEqual(PRINTED);
  });

  it("does not call itself for ever when it is the profile that is read", async () => {
    const home = folder();
    const main = new URL("../dist/main.js", import.meta.url).pathname;
    const config = join(home, "config");
    writeFileSync(
      config,
      `[default]\ncredential_process = ${process.execPath} ${main} credential-process --directory ${home}\n`,
    );

    const { code, printed } = await ended(
      evertoken(["credential-process", "--directory", home], { AWS_CONFIG_FILE: config, AWS_PROFILE: "default" }),
    );

    expect(code).toBe(1);
    expect(printed).not.toContain("SecretAccessKey");
  });
});

describe("evertoken status", () => {
  it("says what is held, since when, until when, and who asks how often", async () => {
    const { directory } = await agent();
    for (let time = 0; time < 3; time++) await ended(evertoken(["credential-process", "--directory", directory]));

    const words = await ended(evertoken(["status", "--directory", directory]));
    const json = await ended(evertoken(["status", "--json", "--directory", directory]));

    expect(words.code).toBe(0);
    expect(words.printed).toMatch(/^agent \d+, running for \d+ s, ready\n/);
    expect(words.printed).toMatch(/default: ASIA\w+ of evertoken-role from IMDS at http/);
    expect(words.printed).toMatch(/held for \d+ s, valid for 6\.0 h \(until .*Z\)/);
    expect(words.printed).toMatch(/ {2}uid \d+: 3 times, every \d+ s, last \d+ s ago/);
    expect(JSON.parse(json.printed)).toMatchObject({
      ready: true,
      answers: 3,
      credentials: [{ name: "default", served: true, state: "fresh" }],
      clients: [{ answers: 3 }],
    });
  });

  it("ends with 1 when there is no agent, or one that has ended", async () => {
    const { directory, running } = await agent();
    running.child.kill("SIGKILL");
    await running.ended;

    expect(await ended(evertoken(["status", "--directory", directory]))).toMatchObject({
      code: 1,
      printed: expect.stringContaining("no agent answers at http://127.0.0.1:"),
    });
    expect((await ended(evertoken(["status", "--directory", folder()]))).code).toBe(1);
  });
});

describe("--help of", () => {
  it.each(["agent", "exec", "credential-process", "status"])(
    "%s has an example and the exit codes",
    async (command) => {
      const { code, printed } = await ended(evertoken([command, "--help"]));

      expect(code).toBe(0);
      expect(printed).toContain("Example");
      expect(printed).toContain("Exit codes:");
    },
  );
});
