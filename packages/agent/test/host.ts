/** A host for one test: a simulated instance, an agent in front of it, and programs that ask plainly. */

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, type AgentOptions, startAgent } from "@evertoken/agent";
import { type Clock, VirtualClock } from "@evertoken/core";
import { type CredentialSource, type Credentials, fromImds } from "@evertoken/credentials";
import { createImdsClient } from "@evertoken/imds";
import { type Simulator, type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { onTestFinished } from "vitest";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const OWN = "/v1/credentials";
export const ROLES = "/latest/meta-data/iam/security-credentials/";
export const EXTENDED = "/latest/meta-data/iam/security-credentials-extended/";

interface Document {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  readonly Expiration: string;
  readonly AccountId?: string;
}

/** Log lines, readable at once. */
class Lines {
  readonly text: string[] = [];

  write(line: string): void {
    this.text.push(line);
  }

  get all(): Record<string, unknown>[] {
    return this.text.map((line) => JSON.parse(line));
  }
}

export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "evertoken-agent-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A simulated instance whose clock is moved by hand. */
export async function instance(options: SimulatorOptions = {}) {
  const clock = new VirtualClock();
  const simulator = await startSimulator({ clock, ...options });
  onTestFinished(() => simulator.close());
  return { simulator, clock };
}

function sourceOn(simulator: Simulator): CredentialSource {
  const source = fromImds({ endpoint: simulator.imdsUrl, clock: simulator.clock, attempts: 1 });
  onTestFinished(() => source.close?.());
  return source;
}

/** A source that always gives the same. */
export function given(clock: Clock, credentials: Partial<Credentials> = {}): CredentialSource {
  const always: Credentials = {
    accessKeyId: "ASIAGIVENGIVENGIVENX",
    secretAccessKey: "planted-secret-access-key",
    sessionToken: "planted-security-token",
    expiration: new Date(clock.now() + 6 * HOUR),
    ...credentials,
  };
  return { name: "the test", watchable: true, load: async () => ({ credentials: always }) };
}

export async function agentOn(simulator: Simulator, options: AgentOptions = {}) {
  const log = new Lines();
  const imds = createImdsClient({ endpoint: simulator.imdsUrl, clock: simulator.clock, attempts: 1 });
  onTestFinished(() => imds.close());
  const agent = await startAgent({
    port: 0,
    imdsPort: 0,
    adminPort: 0,
    directory: folder(),
    drainMs: 0,
    source: sourceOn(simulator),
    imds,
    clock: simulator.clock,
    logTo: log,
    ...options,
  });
  onTestFinished(() => agent.close());
  return { agent, log, ...programsOf(agent) };
}

/** A simulated instance with an agent on it. */
export async function host(options: AgentOptions = {}, instanceOptions: SimulatorOptions = {}) {
  const { simulator, clock } = await instance(instanceOptions);
  return { simulator, clock, ...(await agentOn(simulator, options)) };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly agent?: HttpAgent;
  readonly socketPath?: string;
}

/** As SDKs ask: `fetch` of Node.js calls itself a browser (`Sec-Fetch-Mode`). */
export function request(url: string, { method = "GET", ...question }: Question = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(url, { method, ...question }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const body = Buffer.concat(chunks).toString("utf8");
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

function programsOf(agent: Agent) {
  const token = () => readFileSync(agent.tokenFile, "utf8");
  const ask = (path = OWN, headers: Record<string, string> = {}) =>
    request(`${agent.containerUrl}${path}`, { headers: { authorization: token(), ...headers } });
  const credentials = async () => JSON.parse((await ask()).body) as Document;
  const session = async (ttl: string | number = 21_600) => {
    const headers = { "x-aws-ec2-metadata-token-ttl-seconds": String(ttl) };
    return (await request(`${agent.imdsUrl}/latest/api/token`, { method: "PUT", headers })).body;
  };
  const imds = async (path: string, sessionToken?: string) =>
    request(`${agent.imdsUrl}${path}`, { headers: { "x-aws-ec2-metadata-token": sessionToken ?? (await session()) } });
  const admin = async (path: string) => request(`${agent.adminUrl}${path}`);
  return { token, ask, credentials, session, imds, admin };
}

/** A connection of one's own, for what no HTTP client sends. */
export function raw(url: string): { readonly socket: Socket; send(text: string): void; answer(): Promise<string> } {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  const closed = new Promise<void>((resolve) => {
    socket.on("close", () => resolve());
    socket.on("error", () => resolve());
  });
  return {
    socket,
    send: (text) => void socket.write(text),
    /** Everything until the other side closes. */
    answer: async () => {
      await closed;
      return received;
    },
  };
}

/** One request as text, whole; the connection ends with its answer. */
export async function sendRaw(url: string, lines: readonly string[]): Promise<string> {
  const connection = raw(url);
  connection.send(`${lines.join("\r\n")}\r\nConnection: close\r\n\r\n`);
  return connection.answer();
}

/** Asks until the answer is as expected: sockets are real, whatever the clock says. */
export async function eventually<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const answer = await ask();
    if (isIt(answer) || attempt === 2000) return answer;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
