/** The agent as a supervisor runs it: killed and started again, upgraded behind a socket that stays, telling that it is ready. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fromHttp } from "@aws-sdk/credential-providers";
import { createNotifier, handedSockets } from "@evertoken/agent";
import { VirtualClock } from "@evertoken/core";
import { startSimulator } from "@evertoken/simulator";
import { describe, expect, it, onTestFinished } from "vitest";
import { eventually, folder, OWN, request } from "./host.js";

const missing = (tool: string, ...args: string[]) => {
  const isMissing = spawnSync(tool, args).status !== 0;
  if (isMissing) console.warn(`SKIPPED: ${tool} does not run here`);
  return isMissing;
};
const noPython = missing("python3", "--version");

/** An agent on this host's default chain, with the options in its first argument. */
const AGENT = `
import { handedSockets, startAgent } from ${JSON.stringify(new URL("../dist/index.js", import.meta.url).href)};
const agent = await startAgent(JSON.parse(process.argv[1]), handedSockets());
process.on("SIGTERM", async () => { await agent.close(); process.exit(0); });
console.log("ready");
`;

const ARGUMENTS = ["--input-type=module", "-e", AGENT];

function kept(child: ChildProcess): ChildProcess {
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

function says(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = "";
    child.stdout?.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      if (printed.includes(text)) resolve();
    });
    child.on("exit", () => reject(new Error(`it ended without saying ${text}: ${printed}`)));
  });
}

/** Asks again and again until it is told to stop; gives what went wrong. */
function load(clients: number, ask: () => Promise<unknown>) {
  const failures: unknown[] = [];
  let answers = 0;
  let stopped = false;
  const client = async () => {
    while (!stopped) {
      await ask().then(
        () => answers++,
        (error) => failures.push(error),
      );
      // As busy as many programs, and the processes under test still have a turn.
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  const running = Promise.all(Array.from({ length: clients }, client));
  return {
    failures,
    answered: () => answers,
    stop: async () => {
      stopped = true;
      await running;
    },
  };
}

describe("an agent that is killed under load while IMDS is down", () => {
  it("is not missed by clients with the SDK's retries, once it is started again with its state file", async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const directory = folder();
    const keyFile = join(directory, "key");
    writeFileSync(keyFile, "0123456789abcdef", { mode: 0o600 });
    const start = async (port: number) => {
      const state = { file: join(directory, "state"), keyFile };
      const options = { directory, state, port, adminPort: 0, keepTokens: true, logLevel: "warn" };
      const child = kept(
        spawn(process.execPath, [...ARGUMENTS, JSON.stringify(options)], {
          env: { ...process.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl },
          stdio: ["ignore", "pipe", "inherit"],
        }),
      );
      await says(child, "ready");
      return child;
    };
    const first = await start(0);
    const { container } = JSON.parse(await readFile(join(directory, "agent.json"), "utf8"));
    const provider = fromHttp({
      awsContainerCredentialsFullUri: `${container}${OWN}`,
      awsContainerAuthorizationTokenFile: join(directory, "authorization-token"),
    });
    const clients = load(8, provider);
    await eventually(
      async () => clients.answered(),
      (answers) => answers > 50,
    );
    simulator.fault("imds-down");

    first.kill("SIGKILL");
    await start(Number(new URL(container).port));
    const before = clients.answered();
    await eventually(
      async () => clients.answered(),
      (answers) => answers > before + 50,
    );
    await clients.stop();

    expect(clients.failures).toEqual([]);
    expect(clients.answered()).toBeGreaterThan(100);
  });
});

/** What systemd does with a socket unit: holds the socket, and on each line replaces the service behind it. */
const SUPERVISOR = `
import os, signal, socket, sys
held = socket.socket()
held.bind(("127.0.0.1", 0))
held.listen(1024)
print(held.getsockname()[1], flush=True)
def start():
    pid = os.fork()
    if pid == 0:
        os.dup2(held.fileno(), 3, inheritable=True)
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="container")
        os.execv(sys.argv[1], sys.argv[1:])
    return pid
service = start()
for line in sys.stdin:
    os.kill(service, signal.SIGTERM)
    os.waitpid(service, 0)
    service = start()
os.kill(service, signal.SIGKILL)
`;

/** A socket unit with a path, and the service behind it. */
const UNIX_SOCKET = `
import os, socket, sys
held = socket.socket(socket.AF_UNIX)
held.bind("PATH")
held.listen()
os.dup2(held.fileno(), 3, inheritable=True)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="container")
os.execv(sys.argv[1], sys.argv[1:])
`;

describe("an agent whose socket is systemd's", () => {
  it.skipIf(noPython)("is replaced twice under load without one failed request, connections kept alive", async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const directory = join(folder(), "run");
    mkdirSync(directory);
    const options = { directory, port: 0, adminPort: 0, keepTokens: true, logLevel: "silent" };
    const supervisor = spawn("python3", ["-c", SUPERVISOR, process.execPath, ...ARGUMENTS, JSON.stringify(options)], {
      env: { ...process.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl },
      stdio: ["pipe", "pipe", "inherit"],
    });
    onTestFinished(() => void supervisor.stdin.end());
    const port = await new Promise<number>((resolve) => {
      supervisor.stdout.once("data", (chunk: Buffer) => resolve(Number.parseInt(chunk.toString(), 10)));
    });
    await says(supervisor, "ready");
    const authorization = await readFile(join(directory, "authorization-token"), "utf8");
    const agent = new HttpAgent({ keepAlive: true, maxSockets: 8 });
    onTestFinished(() => agent.destroy());
    const clients = load(8, async () => {
      const { status } = await request(`http://127.0.0.1:${port}${OWN}`, { headers: { authorization }, agent });
      if (status !== 200) throw new Error(`answered ${status}`);
    });
    await eventually(
      async () => clients.answered(),
      (answers) => answers > 50,
    );

    for (let upgrade = 0; upgrade < 2; upgrade++) {
      const ready = says(supervisor, "ready");
      supervisor.stdin.write("upgrade\n");
      await ready;
      const before = clients.answered();
      await eventually(
        async () => clients.answered(),
        (answers) => answers > before + 50,
      );
    }
    await clients.stop();

    expect(clients.failures).toEqual([]);
  });

  it.skipIf(noPython)("is refused together with rules for callers when it is a Unix socket", async () => {
    const simulator = await startSimulator();
    onTestFinished(() => simulator.close());
    const directory = folder();
    const options = { directory, port: 0, adminPort: 0, logLevel: "silent", callers: { uids: [0] } };
    const handOver = UNIX_SOCKET.replace("PATH", join(directory, "agent.sock"));

    const agent = spawn("python3", ["-c", handOver, process.execPath, ...ARGUMENTS, JSON.stringify(options)], {
      env: { ...process.env, AWS_EC2_METADATA_SERVICE_ENDPOINT: simulator.imdsUrl },
      stdio: ["ignore", "ignore", "pipe"],
    });
    onTestFinished(() => void agent.kill("SIGKILL"));
    const stderr = await text(agent.stderr);

    expect(stderr).toMatch(/callers has rules.*other end of a Unix socket/);
  });

  const pid = String(process.pid);

  it.each([
    [{}, {}],
    [{ LISTEN_PID: "1", LISTEN_FDS: "1" }, {}],
    [{ LISTEN_PID: pid, LISTEN_FDS: "0" }, {}],
    [{ LISTEN_PID: pid, LISTEN_FDS: "1", LISTEN_FDNAMES: "evertoken-agent.socket" }, { container: 3 }],
    [
      { LISTEN_PID: pid, LISTEN_FDS: "3", LISTEN_FDNAMES: "admin:container:imds" },
      { admin: 3, container: 4, imds: 5 },
    ],
  ])("with %j takes %j", (environment, sockets) => {
    expect(handedSockets(environment)).toEqual(sockets);
  });

  it("refuses sockets that it cannot tell apart", () => {
    const environment = { LISTEN_PID: pid, LISTEN_FDS: "2", LISTEN_FDNAMES: "container:container" };

    expect(() => handedSockets(environment)).toThrow(/LISTEN_FDNAMES names socket 2 of 2 "container"/);
  });
});

const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(receiver.recv(4096).decode().replace("\\n", " "), flush=True)
`;

describe("systemd", () => {
  it.skipIf(noPython || missing("systemd-notify", "--version"))(
    "is told when the agent is ready, that it is alive, and that it ends",
    async () => {
      const path = join(folder(), "notify");
      const receiver = kept(spawn("python3", ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] }));
      await says(receiver, "bound");
      const clock = new VirtualClock();
      const environment = { ...process.env, NOTIFY_SOCKET: path, WATCHDOG_USEC: "30000000" };
      const notifier = createNotifier(environment, clock);
      onTestFinished(() => notifier.close());

      const ready = says(receiver, "READY=1 STATUS=serving");
      expect(await notifier.ready("serving")).toBe(true);
      await ready;
      const alive = says(receiver, "WATCHDOG=1");
      await clock.advance(15_000);
      await alive;
      const stopping = says(receiver, "STOPPING=1");
      expect(await notifier.stopping()).toBe(true);
      await stopping;
    },
  );

  it("is left alone where there is none", async () => {
    expect(await createNotifier({}).ready("serving")).toBe(false);
  });
});
