import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import type { AgentOptions } from "@evertoken/agent";
import { describe, expect, it, onTestFinished } from "vitest";
import { agentOn, eventually, folder, HOUR, host, instance, MINUTE, OWN, ROLES, request } from "./host.js";

/** Where a state file and its key may lie. */
function state() {
  const directory = folder();
  const keyFile = join(folder(), "state-key");
  writeFileSync(keyFile, "0123456789abcdef0123456789abcdef", { mode: 0o600 });
  return { directory, keyFile, options: { state: { file: join(directory, "state"), keyFile } } };
}

describe("an agent with a state file that is started again while IMDS is down", () => {
  it("serves at once what it held before, and takes what is newer when IMDS is back", async () => {
    const { simulator, clock } = await instance();
    const { options } = state();
    const first = await agentOn(simulator, options);
    const before = await first.credentials();
    await first.agent.close();
    const outage = simulator.fault("imds-down");

    const second = await agentOn(simulator, options);

    expect(await second.credentials()).toEqual({ ...before, AccountId: before.AccountId });
    expect(second.log.all).toContainEqual(expect.objectContaining({ message: expect.stringContaining("state file") }));
    outage.end();
    await clock.advance(90 * MINUTE);
    await eventually(second.credentials, ({ AccessKeyId }) => AccessKeyId !== before.AccessKeyId);
    expect((await second.credentials()).AccessKeyId).not.toBe(before.AccessKeyId);
  });

  it("takes what IMDS gives when it does answer", async () => {
    const { simulator, clock } = await instance();
    const { options } = state();
    const first = await agentOn(simulator, options);
    const before = await first.credentials();
    await first.agent.close();
    await clock.advance(2 * HOUR);

    const second = await agentOn(simulator, options);

    expect((await second.credentials()).AccessKeyId).not.toBe(before.AccessKeyId);
  });

  it("hands out nothing that has less than 300 s left", async () => {
    const { simulator, clock } = await instance();
    const { options } = state();
    const first = await agentOn(simulator, options);
    await first.agent.close();
    simulator.fault("imds-down");
    await clock.advance(6 * HOUR - 299_000);

    const second = await agentOn(simulator, options);

    expect((await second.ask()).status).toBe(503);
  });
});

describe("the state file", () => {
  async function written() {
    const { simulator } = await instance();
    const { options, keyFile } = state();
    const { agent, credentials } = await agentOn(simulator, options);
    const document = await credentials();
    const { file } = options.state;
    await eventually(
      async () => statSync(file, { throwIfNoEntry: false }),
      (found) => found !== undefined,
    );
    await agent.close();
    simulator.fault("imds-down");
    return { simulator, options, keyFile, file, document };
  }

  it("is for its owner alone, and holds no secret in the clear", async () => {
    const { file, document } = await written();

    expect(statSync(file).mode & 0o777).toBe(0o600);
    const content = readFileSync(file, "latin1");
    for (const secret of [document.SecretAccessKey, document.Token, document.AccessKeyId]) {
      expect(content).not.toContain(secret);
    }
  });

  it("does not open with another key, nor when one byte of it was changed; the agent starts without it", async () => {
    const { simulator, options, keyFile, file } = await written();
    const sealed = readFileSync(file);
    const changed = Buffer.from(sealed);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;

    writeFileSync(file, changed);
    const damaged = await agentOn(simulator, options);
    writeFileSync(file, sealed);
    writeFileSync(keyFile, "another-key-of-enough-bytes-for-it");
    const otherKey = await agentOn(simulator, options);

    for (const { ask, log } of [damaged, otherKey]) {
      expect((await ask()).status).toBe(503);
      expect(log.all).toContainEqual(expect.objectContaining({ message: "the state file is not used" }));
    }
  });

  it("is not used when others can read it, or when it is a link", async () => {
    const { simulator, options, file } = await written();
    chmodSync(file, 0o644);
    const readable = await agentOn(simulator, options);
    chmodSync(file, 0o600);
    const link = join(folder(), "link");
    symlinkSync(file, link);
    const linked = await agentOn(simulator, { state: { ...options.state, file: link } });

    for (const { ask, log } of [readable, linked]) {
      expect((await ask()).status).toBe(503);
      expect(log.all).toContainEqual(
        expect.objectContaining({ error: expect.stringContaining("FileNotPrivateError") }),
      );
    }
  });

  it.each([
    ["missing", undefined],
    ["too short", "short"],
  ])("needs a key: one that is %s is refused", async (_, content) => {
    const { simulator } = await instance();
    const keyFile = join(folder(), "key");
    if (content !== undefined) writeFileSync(keyFile, content, { mode: 0o600 });

    await expect(agentOn(simulator, { state: { file: "/tmp/none", keyFile } })).rejects.toThrow(
      /state.keyFile.*expected a file of 16 random bytes or more/,
    );
  });
});

describe("a configuration that is read again", () => {
  it("applies hosts, callers and categories to what runs, and names what needs a restart", async () => {
    const { agent, ask, imds, log } = await host();
    expect((await ask()).status).toBe(200);

    await agent.reload(async () => ({ callers: { uids: [4_000_000_000] }, metadata: [], port: 1234, drainMs: 0 }));

    expect((await ask()).status).toBe(403);
    expect(log.all).toContainEqual(
      expect.objectContaining({
        message: "the configuration is in force",
        needRestart: expect.arrayContaining(["port"]),
      }),
    );
    expect((await imds(ROLES, "any")).status).toBe(403);
  });

  it.each([
    ["a field that there is not", { ports: 9820 }, /ports is not a setting/],
    ["a field that there is not, deeper", { limits: { connection: 5 } }, /limits\.connection is not a setting/],
    ["half of what belongs together", { state: { file: "/tmp/state" } }, /state\.keyFile is missing/],
  ])("with %s is refused in words", async (_, config, says) => {
    const { simulator } = await instance();

    await expect(agentOn(simulator, config as AgentOptions)).rejects.toThrow(says);
  });

  it("changes nothing when it is wrong, and says so", async () => {
    const { agent, ask, log } = await host();

    const applied = await agent.reload(async () => ({ callers: { uids: ["root" as never] } }));

    expect(applied).toBe(false);
    expect((await ask()).status).toBe(200);
    expect(log.all).toContainEqual(
      expect.objectContaining({ level: "error", error: expect.stringContaining("callers.uids[0]") }),
    );
  });
});

/** STS on loopback: AssumeRole, and nothing else. */
async function sts() {
  const asked: URLSearchParams[] = [];
  const server: Server = createServer(async (incoming, outgoing) => {
    let body = "";
    for await (const chunk of incoming) body += chunk;
    const parameters = new URLSearchParams(body);
    asked.push(parameters);
    outgoing.writeHead(200, { "content-type": "text/xml" });
    outgoing.end(`<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>${parameters.get("RoleArn")}</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAASSUMEDROLE00${asked.length}</AccessKeyId><SecretAccessKey>assumed-secret</SecretAccessKey>
<SessionToken>assumed-token</SessionToken><Expiration>${new Date(Date.now() + HOUR).toISOString()}</Expiration></Credentials>
</AssumeRoleResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleResponse>`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  process.env.AWS_ENDPOINT_URL_STS = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.AWS_REGION = "us-east-1";
  onTestFinished(() => {
    delete process.env.AWS_ENDPOINT_URL_STS;
    delete process.env.AWS_REGION;
    server.closeAllConnections();
    server.close();
  });
  return { asked };
}

describe("an assumed role", () => {
  it("has a path, an authorization token and credentials of its own", async () => {
    const { asked } = await sts();
    const arn = "arn:aws:iam::123456789012:role/backup";
    const { agent, ask, credentials, token } = await host({ assumeRoles: { backup: arn } });
    const own = readFileSync(`${agent.tokenFile}.backup`, "utf8");
    const path = "/v1/roles/backup/credentials";

    const answer = await request(`${agent.containerUrl}${path}`, { headers: { authorization: own } });

    expect(JSON.parse(answer.body).AccessKeyId).toBe("ASIAASSUMEDROLE001");
    expect(asked.map((parameters) => [parameters.get("RoleArn"), parameters.get("RoleSessionName")])).toEqual([
      [arn, "evertoken-backup"],
    ]);
    expect((await credentials()).AccessKeyId).not.toBe("ASIAASSUMEDROLE001");
    // Neither token opens the other's path.
    expect((await ask(path, { authorization: token() })).status).toBe(401);
    expect((await ask(OWN, { authorization: own })).status).toBe(401);
    expect(agent.status().credentials.map(({ name, served }) => [name, served])).toEqual([
      ["default", true],
      ["backup", true],
    ]);
  });
});

describe("a Unix socket", () => {
  it("speaks the container protocol, too", async () => {
    const socket = join(folder(), "agent.sock");
    const { agent, token } = await host({ socket });

    const answer = await request(`http://localhost${OWN}`, { headers: { authorization: token() }, socketPath: socket });

    expect(answer.status).toBe(200);
    expect(agent.status().socket).toBe(socket);
  });

  it("that a killed agent left behind is replaced; a file in its place is not", async () => {
    const directory = folder();
    const socket = join(directory, "agent.sock");
    const file = join(directory, "file");
    writeFileSync(file, "precious");
    const program = `require("node:net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", program]);
    expect(statSync(socket).isSocket()).toBe(true);

    const { agent } = await host({ socket });

    expect(agent.status().socket).toBe(socket);
    await expect(host({ socket: file })).rejects.toThrow(/cannot listen on .*file: it is in use/);
    expect(readFileSync(file, "utf8")).toBe("precious");
  });

  it.each([
    ["0600", 0o600],
    ["0640", 0o660],
  ] as const)("is for those who may read the token: with token files of mode %s", async (tokenFileMode, mode) => {
    const socket = join(folder(), "agent.sock");

    await host({ socket, tokenFileMode });

    expect(statSync(socket).mode & 0o777).toBe(mode);
  });

  it("tells nobody's user, so rules for callers are refused, also when they come while the agent runs", async () => {
    const socket = join(folder(), "agent.sock");
    const callers = { uids: [0] };
    const { agent, token, log } = await host({ socket });
    const ask = () => request(`http://localhost${OWN}`, { headers: { authorization: token() }, socketPath: socket });

    await expect(host({ socket: join(folder(), "agent.sock"), callers })).rejects.toThrow(
      /callers has rules, and the agent listens on a Unix socket/,
    );
    // This configuration names no socket; the agent has one.
    expect(await agent.reload(async () => ({ callers, drainMs: 0 }))).toBe(false);

    expect((await ask()).status).toBe(200);
    expect(log.all).toContainEqual(
      expect.objectContaining({ level: "error", error: expect.stringContaining("other end of a Unix socket") }),
    );
  });
});

describe("a second agent that is started by mistake", () => {
  it("ends without locking anybody out of the first", async () => {
    const { simulator, agent, ask } = await host();
    const { directory, port } = { directory: dirname(agent.tokenFile), port: Number(new URL(agent.containerUrl).port) };

    await expect(agentOn(simulator, { directory, port })).rejects.toThrow(/it is in use/);

    expect((await ask()).status).toBe(200);
  });

  it("does not take the first one's Unix socket from it", async () => {
    const socket = join(folder(), "agent.sock");
    const { simulator, token } = await host({ socket });

    await expect(agentOn(simulator, { socket })).rejects.toThrow(/agent\.sock: it is in use/);

    const headers = { authorization: token() };
    expect((await request(`http://localhost${OWN}`, { headers, socketPath: socket })).status).toBe(200);
  });
});

describe("an agent that cannot keep its files", () => {
  it.each(["a file in the place of its directory", "a file where a folder above it should be"])(
    "for %s says which, and what to do",
    async (which) => {
      const { simulator } = await instance();
      const file = join(folder(), "file");
      writeFileSync(file, "precious");
      const directory = which.includes("above") ? join(file, "agent") : file;

      await expect(agentOn(simulator, { directory })).rejects.toThrow(
        new RegExp(`cannot write .*${directory}.*choose another \\(directory\\)`),
      );
      expect(readFileSync(file, "utf8")).toBe("precious");
    },
  );

  it("for want of a folder for its socket says so, and does not speak of ports", async () => {
    const { simulator } = await instance();

    await expect(agentOn(simulator, { socket: join(folder(), "none", "agent.sock") })).rejects.toThrow(
      /none\/agent\.sock: .*folder/,
    );
  });

  it("leaves nothing half-written behind, its own or that of one that was killed", async () => {
    const { simulator } = await instance();
    const { options, directory } = state();
    // Where a state file should go, nothing can be renamed to; and somebody was killed while writing a token.
    mkdirSync(join(directory, "state", "in-the-way"), { recursive: true });
    writeFileSync(join(directory, "authorization-token.new"), "half a tok");

    const { log, ask } = await agentOn(simulator, { ...options, directory });

    await eventually(
      async () => log.all.filter(({ message }) => message === "the state file cannot be written"),
      ({ length }) => length > 0,
    );
    expect(log.all).toContainEqual(expect.objectContaining({ message: "the state file cannot be written" }));
    expect((await ask()).status).toBe(200);
    expect(readdirSync(directory).filter((name) => name.endsWith(".new"))).toEqual([]);
  });
});

describe("authorization tokens that are kept", () => {
  it("are for whom the configuration says, also when it said otherwise before", async () => {
    const { simulator } = await instance();
    const directory = folder();
    const first = await agentOn(simulator, { directory, keepTokens: true });
    const kept = first.token();
    await first.agent.close();

    const { agent, token, ask } = await agentOn(simulator, { directory, keepTokens: true, tokenFileMode: "0640" });

    expect(token()).toBe(kept);
    expect(statSync(agent.tokenFile).mode & 0o777).toBe(0o640);
    expect((await ask()).status).toBe(200);
  });
});
