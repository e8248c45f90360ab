/**
 * The container credentials endpoint, in the three ways in which it is met: the ECS agent's (the path is the secret), EKS Pod
 * Identity's (a token from a file that is renewed), and that of anything else that serves the same protocol (a fixed token).
 *
 *     GET /v2/credentials/<id>                                    ECS
 *     GET /v1/credentials      Authorization: <token of the pod>  EKS Pod Identity
 *     GET /credentials         Authorization: <fixed token>       others
 *
 * @see https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import { printed } from "../imds-categories.js";
import type { InstanceRole } from "../instance-role.js";
import { instant } from "../instant.js";
import type { Journal } from "../journal.js";
import { seededBytes, seededUuid } from "../seeded.js";
import type { IdentityTokens } from "./identity-token.js";

export interface ContainerServiceOptions {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly role: InstanceRole;
  readonly roleArn: () => string;
  readonly accountId: () => string;
  readonly tokens: IdentityTokens;
  readonly seed: number;
}

interface Outcome {
  readonly operation: string;
  readonly status: number;
  readonly decision: string;
  readonly body: string;
  readonly contentType?: string;
  readonly generation?: number;
}

const TASKS = "/v2/credentials";
const PODS = "/v1/credentials";
const OTHERS = "/credentials";

export class ContainerService {
  /** What ECS puts into `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`. */
  readonly relativeUri: string;
  /** For `AWS_CONTAINER_AUTHORIZATION_TOKEN`. */
  readonly fixedToken: string;
  readonly podsPath = PODS;
  readonly othersPath = OTHERS;
  readonly #options: ContainerServiceOptions;

  constructor(options: ContainerServiceOptions) {
    this.#options = options;
    this.relativeUri = `${TASKS}/${seededUuid(options.seed, "task-credentials")}`;
    this.fixedToken = seededBytes(options.seed, "container-token", 24).toString("base64url");
  }

  /** Answers requests; the journal calls who asks through here `client`. */
  listener(client: string): RequestListener {
    return (incoming, outgoing) => this.#serve(client, incoming, outgoing);
  }

  #serve(client: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    incoming.resume();
    const { clock, journal } = this.#options;
    const at = clock.now();
    const { method = "", url = "" } = incoming;
    const path = url.split("?", 1)[0] ?? "";
    const outcome = this.#answer(method, path, incoming.headers.authorization);
    const { operation, status, decision, body, contentType = "application/json", generation } = outcome;
    journal.record({
      at,
      service: "container",
      client,
      operation,
      method,
      path,
      status,
      decision,
      ...(generation === undefined ? {} : { generation }),
    });
    outgoing.sendDate = false;
    outgoing.writeHead(status, {
      date: new Date(at).toUTCString(),
      "content-type": contentType,
      "content-length": Buffer.byteLength(body),
    });
    outgoing.end(body);
  }

  #answer(method: string, path: string, authorization: string | undefined): Outcome {
    const operation = operationOf(path);
    if (method !== "GET") return refused(operation, 405, "method not allowed");
    if (path === PODS) return this.#forPod(authorization);
    if (path === OTHERS) {
      if (authorization === this.fixedToken) return this.#credentials(operation, {});
      return refused(operation, 401, `authorization token ${authorization === undefined ? "missing" : "wrong"}`);
    }
    if (path === this.relativeUri) {
      return this.#credentials(operation, { RoleArn: this.#options.roleArn() });
    }
    if (operation === "unknown") return refused(operation, 404, "no such path");
    const isWithout = path.replace(/\/$/, "") === TASKS;
    return isWithout
      ? taskRefused("NoIdInRequest", "CredentialsV2Request: No Credential ID in the request")
      : taskRefused("InvalidIdInRequest", "CredentialsV2Request: Credentials not found");
  }

  #forPod(authorization: string | undefined): Outcome {
    const operation = "pod-credentials";
    if (authorization === undefined) return refused(operation, 400, "authorization token missing");
    const judged = this.#options.tokens.judge(authorization.trim(), "pods.eks.amazonaws.com");
    if (judged.verdict === "valid") return this.#credentials(operation, { AccountId: this.#options.accountId() });
    return judged.verdict === "expired"
      ? refused(operation, 400, "ExpiredTokenException: the pod's token has expired")
      : refused(operation, 400, "InvalidTokenException: the pod's token is not one of this cluster");
  }

  #credentials(operation: string, more: Readonly<Record<string, string>>): Outcome {
    const { role, clock } = this.#options;
    const credential = role.current(clock.now());
    const body = printed({
      ...more,
      AccessKeyId: credential.accessKeyId,
      SecretAccessKey: credential.secretAccessKey,
      Token: credential.sessionToken,
      Expiration: instant(credential.expiresAt),
    });
    return { operation, status: 200, decision: "ok", body, generation: credential.generation };
  }
}

/** What is asked for, in a word: for the journal. */
export function operationOf(path: string): string {
  if (path === PODS) return "pod-credentials";
  if (path === OTHERS) return "credentials";
  return path.startsWith(TASKS) ? "task-credentials" : "unknown";
}

/** As the Pod Identity agent says no: a line of text. */
function refused(operation: string, status: number, decision: string): Outcome {
  return { operation, status, decision, body: `${decision}\n`, contentType: "text/plain; charset=utf-8" };
}

/** As the ECS agent says no. */
function taskRefused(code: string, message: string): Outcome {
  return { operation: "task-credentials", status: 400, decision: code, body: taskError(code, message, 400) };
}

export function taskError(code: string, message: string, status: number): string {
  return JSON.stringify({ code, message, HTTPErrorCode: status });
}
