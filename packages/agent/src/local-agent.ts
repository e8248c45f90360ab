/**
 * The agent on this host, seen by programs that use it: the environment that points an SDK at it, its credentials, its
 * status. They find it by `agent.json` in its directory.
 */

import { readFile } from "node:fs/promises";
import { describeError, EvertokenError, parseJsonObject, SmallHttpClient, systemClock } from "@evertoken/core";
import { type DocumentedCredentials, parseCredentialDocument } from "@evertoken/imds";
import { type AgentFile, NoAgentError } from "./agent-file.js";
import type { AgentStatus } from "./status.js";

/** The agent is there, and did not give what it was asked for. */
export class AgentAnswerError extends EvertokenError {
  override readonly code = "AGENT_ANSWER";
}

export interface EnvironmentOptions {
  /** By which protocol the SDK is to ask. Default `container`. */
  readonly via?: "container" | "imds" | undefined;
  /** An assumed role, by its name. Default: the host's own identity. */
  readonly role?: string | undefined;
  /**
   * Put the authorization token itself into the environment, beside no file: for SDKs from before 2024, which know no token
   * files. They need an agent that keeps its tokens (`keepTokens`), or they end with the agent's next start. Default false.
   */
  readonly tokenInEnvironment?: boolean | undefined;
}

/** What SDKs would use before they ask the agent, or in its place. */
const IN_THE_WAY = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_SECURITY_TOKEN",
  "AWS_CREDENTIAL_EXPIRATION",
  "AWS_PROFILE",
  "AWS_DEFAULT_PROFILE",
  "AWS_ROLE_ARN",
  "AWS_WEB_IDENTITY_TOKEN_FILE",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
  "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
  "AWS_EC2_METADATA_DISABLED",
  "AWS_EC2_METADATA_SERVICE_ENDPOINT",
  "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
];

/**
 * `base` with what points any SDK at the agent, and without what would keep it from there. A profile in the shared config files
 * still goes before, as with every SDK.
 * @throws AgentAnswerError when the agent does not offer what is asked for.
 */
export async function environmentFor(
  agent: AgentFile,
  options: EnvironmentOptions = {},
  base: NodeJS.ProcessEnv = process.env,
): Promise<NodeJS.ProcessEnv> {
  const { via = "container", role, tokenInEnvironment = false } = options;
  const environment = Object.fromEntries(Object.entries(base).filter(([name]) => !IN_THE_WAY.includes(name)));
  if (via === "imds") {
    if (agent.imds === undefined) {
      throw new AgentAnswerError("this agent does not speak IMDS: start it with --imds-port, or leave out --via imds.");
    }
    if (role !== undefined) {
      throw new AgentAnswerError("assumed roles are served by the container protocol only: leave out --via imds.");
    }
    return {
      ...environment,
      AWS_EC2_METADATA_SERVICE_ENDPOINT: agent.imds,
      AWS_EC2_METADATA_V1_DISABLED: "true",
    };
  }
  const { path, tokenFile } = roleOf(agent, role);
  return {
    ...environment,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${agent.container}${path}`,
    // Never both: SDKs differ in which of them goes first.
    ...(tokenInEnvironment
      ? { AWS_CONTAINER_AUTHORIZATION_TOKEN: await readToken(tokenFile) }
      : { AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: tokenFile }),
  };
}

/**
 * The credentials that the agent hands out now.
 * @throws NoAgentError when nobody listens where it said; AgentAnswerError when it does not hand them out.
 */
export async function credentialsFrom(agent: AgentFile, role?: string): Promise<DocumentedCredentials> {
  const { path, tokenFile } = roleOf(agent, role);
  const body = await ask(agent.container, path, { authorization: await readToken(tokenFile) });
  return parseCredentialDocument(body);
}

/** @throws NoAgentError when nobody listens where it said; AgentAnswerError. */
export async function statusFrom(agent: AgentFile): Promise<AgentStatus> {
  return parseJsonObject(await ask(agent.admin, "/v1/status", {})) as unknown as AgentStatus;
}

function roleOf({ roles }: AgentFile, name = "default"): { readonly path: string; readonly tokenFile: string } {
  const role = roles[name];
  if (role !== undefined) return role;
  throw new AgentAnswerError(`this agent serves no role ${name}: expected one of ${Object.keys(roles).join(", ")}.`);
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new AgentAnswerError(
      `the authorization token in ${file} cannot be read: run this as the agent's user, or let its group read it (tokenFileMode: "0640").`,
      { cause },
    );
  }
}

/** It answers from memory: longer than this means that it is not there. */
const TIMEOUT_MS = 2000;

async function ask(endpoint: string, path: string, headers: Record<string, string>): Promise<string> {
  const http = new SmallHttpClient(endpoint, TIMEOUT_MS, systemClock.network);
  try {
    const { status, body } = await http.exchange({ method: "GET", path, headers });
    if (status === 200) return body;
    throw new AgentAnswerError(`the agent at ${endpoint} answered ${status}: ${reasonIn(body)}`);
  } catch (cause) {
    if (cause instanceof AgentAnswerError) throw cause;
    throw new NoAgentError(`no agent answers at ${endpoint} (${describeError(cause)}): start it again.`, { cause });
  } finally {
    http.close();
  }
}

function reasonIn(body: string): string {
  try {
    return String(parseJsonObject(body).message);
  } catch {
    return "no reason given";
  }
}
