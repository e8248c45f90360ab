/**
 * Credentials from a container's credential endpoint: ECS (relative URI), EKS Pod Identity and anything else that serves the
 * same protocol (full URI), with an authorization token that may be renewed under our feet.
 *
 *     GET <uri>   Authorization: <token>   → 200 { AccessKeyId, SecretAccessKey, Token, Expiration, AccountId? }
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */

import { readFile } from "node:fs/promises";
import {
  backOff,
  type Clock,
  describeError,
  EvertokenError,
  InvalidInputError,
  measureSkew,
  type Random,
  SmallHttpClient,
  systemClock,
  systemRandom,
} from "@evertoken/core";
import { parseCredentialDocument } from "@evertoken/imds";
import type { CredentialSource, LoadRequest } from "./source.js";

/** ECS answers here, and only here, to a relative URI. */
const ECS_ENDPOINT = "http://169.254.170.2";

/** Where plain HTTP is allowed beside loopback: ECS, and EKS Pod Identity over IPv4 and IPv6. */
const PLAIN_HTTP_HOSTS = new Set(["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"]);

const ATTEMPTS = 3;
const TIMEOUT_MS = 1000;
const BACK_OFF = { baseMs: 200, maxMs: 2000 };

export interface ContainerOptions {
  /** Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

/** The container endpoint gave no credentials. */
export class ContainerCredentialsError extends EvertokenError {
  override readonly code = "CONTAINER_CREDENTIALS";
}

/** Whether this process has been given a container endpoint. */
export function hasContainerEndpoint(environment: NodeJS.ProcessEnv): boolean {
  return Boolean(environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || environment.AWS_CONTAINER_CREDENTIALS_FULL_URI);
}

/**
 * A source that asks the endpoint of `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`, with
 * the token in the file `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` (read anew each time) or in `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
 * Three attempts of one second with full-jitter pauses, again on 5xx, 429, no answer, and answers that make no sense.
 * @throws InvalidInputError when no endpoint is set, or one to which credentials must not be asked over plain HTTP.
 */
export function fromContainer(options: ContainerOptions = {}): CredentialSource {
  const { environment = process.env, clock = systemClock, random = systemRandom } = options;
  const url = endpointOf(environment);
  const http = new SmallHttpClient(url.origin, TIMEOUT_MS, clock.network);
  const name = `the container endpoint ${url.origin}${url.pathname}`;
  const path = `${url.pathname}${url.search}`;
  return {
    name,
    kind: "container",
    watchable: true,
    close: () => http.close(),
    async load({ signal, attempts = ATTEMPTS }: LoadRequest) {
      const sentAt = clock.now();
      for (let attempt = 1; ; attempt++) {
        const headers = await authorization(environment);
        let problem: unknown;
        let again = true;
        try {
          const answer = await http.exchange({ method: "GET", path, headers, signal });
          if (answer.status === 200) {
            return {
              credentials: parseCredentialDocument(answer.body),
              skewMs: measureSkew(answer.headers.date, sentAt, clock.now()),
            };
          }
          problem = new Error(`it answered ${answer.status}`);
          again = answer.status >= 500 || answer.status === 429;
        } catch (error) {
          signal.throwIfAborted();
          problem = error;
        }
        if (!again || attempt >= attempts) throw failed(name, problem);
        await clock.network.sleep(backOff(attempt, { ...BACK_OFF, random }), signal);
      }
    },
  };
}

function failed(name: string, cause: unknown): ContainerCredentialsError {
  return new ContainerCredentialsError(
    `${name} gave no credentials (${describeError(cause)}). Check that the task or pod has a role, that the agent which ` +
      "serves it is running, and that the authorization token is right.",
    { cause },
  );
}

/** @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html for the rules of hosts */
function endpointOf(environment: NodeJS.ProcessEnv): URL {
  const relative = environment.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI;
  if (relative) {
    if (!relative.startsWith("/")) throw refused("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", relative, "a path");
    return new URL(`${ECS_ENDPOINT}${relative}`);
  }
  const variable = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
  const full = environment[variable];
  if (!full) {
    const message = "expected this or AWS_CONTAINER_CREDENTIALS_RELATIVE_URI to be set";
    throw new InvalidInputError("environment", [{ field: variable, message }]);
  }
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw refused(variable, full, "http(s)://host[:port]/path");
  if (url.protocol === "http:" && !isLoopback(url.hostname) && !PLAIN_HTTP_HOSTS.has(url.hostname)) {
    throw refused(variable, full, "https, or plain http on loopback, 169.254.170.2, 169.254.170.23 or [fd00:ec2::23]");
  }
  return url;
}

function refused(variable: string, value: string, expected: string): InvalidInputError {
  return new InvalidInputError("environment", [{ field: `${variable}=${value}`, message: `expected ${expected}` }]);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

/** The file comes first, and is read each time: EKS puts a new token into it long before the old one ends. */
async function authorization(environment: NodeJS.ProcessEnv): Promise<Record<string, string>> {
  const file = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE;
  if (!file) {
    const token = environment.AWS_CONTAINER_AUTHORIZATION_TOKEN;
    return token ? { authorization: assertHeader(token, "AWS_CONTAINER_AUTHORIZATION_TOKEN") } : {};
  }
  let token: string;
  try {
    token = (await readFile(file, "utf8")).trim();
  } catch (cause) {
    throw new ContainerCredentialsError(
      `the authorization token in ${file} (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) cannot be read: check that it is mounted`,
      { cause },
    );
  }
  return { authorization: assertHeader(token, `the file ${file}`) };
}

/** The token itself is never part of the error. */
function assertHeader(token: string, where: string): string {
  if (/^[\x20-\x7e]+$/.test(token)) return token;
  throw new ContainerCredentialsError(
    `the authorization token in ${where} is not one: expected a line of printable characters`,
  );
}
