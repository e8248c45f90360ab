/** A small IMDS whose every answer a test decides: for what the simulator, which keeps to the protocol, never says. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export type Respond = (incoming: IncomingMessage, outgoing: ServerResponse) => void;

export interface ImdsServer {
  readonly endpoint: string;
  /** `PUT /latest/api/token`, … in their order. */
  readonly seen: string[];
  count(request: string): number;
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
    Expiration: "2026-11-23T18:00:00Z",
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    count: (request) => seen.filter((line) => line === request).length,
  };
}
