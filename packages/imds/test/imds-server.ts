/** A small IMDS whose every answer a test decides: for what the simulator, which keeps to the protocol, never says. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createImdsClient, ImdsError, type ImdsOptions } from "@evertoken/imds";
import { expect, onTestFinished } from "vitest";

export type Respond = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

export interface ImdsServer {
  readonly endpoint: string;
  /** `PUT /latest/api/token`, … in their order. */
  readonly seen: string[];
  count(request: string): number;
  /** How many connections were opened so far, and how many of them are open now. */
  readonly connections: { opened: number; open: number };
}

/** The role's credentials as IMDS prints them. */
export function document(over: Record<string, unknown> = {}): string {
  return JSON.stringify({
    Code: "Success",
    LastUpdated: "2026-11-23T12:00:00Z",
    Type: "AWS-HMAC",
    AccessKeyId: "ASIAEXAMPLE",
    SecretAccessKey: "planted-secret-access-key",
    Token: "planted-security-token",
    Expiration: "2126-11-23T18:00:00Z",
    ...over,
  });
}

export const ROLE = "/latest/meta-data/iam/security-credentials-extended/";
export const LEGACY_ROLE = "/latest/meta-data/iam/security-credentials/";

/**
 * Starts a server that behaves well but for the paths in `over`; ended with the test.
 * @param over answers by request (`GET /latest/meta-data/instance-id`): a status, a body, or a function.
 */
export async function imdsServer(over: Record<string, Respond | number | string> = {}): Promise<ImdsServer> {
  const answers: Record<string, Respond | number | string> = {
    "PUT /latest/api/token": "session-token",
    [`GET ${ROLE}`]: "demo-role",
    [`GET ${ROLE}demo-role`]: document({ AccountId: "123456789012" }),
    ...over,
  };
  const seen: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const request = `${incoming.method} ${incoming.url}`;
    seen.push(request);
    const answer = answers[request] ?? 404;
    if (typeof answer === "function") answer(incoming, outgoing);
    else if (typeof answer === "number") outgoing.writeHead(answer).end();
    else outgoing.writeHead(200).end(answer);
  });
  const connections = { opened: 0, open: 0 };
  server.on("connection", (socket) => {
    connections.opened += 1;
    connections.open += 1;
    socket.on("close", () => {
      connections.open -= 1;
    });
  });
  const port = await listenOnNewPort(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    connections,
    count: (request) => seen.filter((line) => line === request).length,
  };
}

const portsUsed = new Set<number>();

/** The session token is the process's own and kept by endpoint: a port that the system hands out twice would bring an earlier test's. */
async function listenOnNewPort(server: Server): Promise<number> {
  for (;;) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    if (!portsUsed.has(port)) {
      portsUsed.add(port);
      return port;
    }
    await new Promise((resolve) => server.close(resolve));
  }
}

export const TOKEN = "PUT /latest/api/token";
export const ID = "/latest/meta-data/instance-id";

/** A client that does not make a test wait between attempts. */
export function client(endpoint: string, options: ImdsOptions = {}) {
  const imds = createImdsClient({ endpoint, random: () => 0, ...options });
  onTestFinished(() => imds.close());
  return imds;
}

export async function failure(work: Promise<unknown>): Promise<ImdsError> {
  const error = await work.then(
    () => expect.unreachable("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ImdsError);
  return error as ImdsError;
}
