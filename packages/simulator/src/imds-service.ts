/**
 * The instance metadata service as EC2 answers it.
 *
 * A GET without a good session token is answered 401 with an **empty body**: old SDKs take that for a network error, and
 * an answer with a body would hide the very bug that this simulator is there to show (aws-sdk-cpp #2282).
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import { imdsProtocol } from "@evertoken/imds";
import { IMDS_VERSIONS } from "./imds-categories.js";
import { SessionTokens } from "./imds-session-tokens.js";
import type { SimulatedInstance } from "./instance/instance.js";
import type { Journal } from "./journal.js";
import { LinkLocalBudget, type LinkLocalLimits } from "./link-local-limits.js";

export interface ImdsServiceOptions {
  readonly clock: Clock;
  readonly instance: SimulatedInstance;
  readonly journal: Journal;
  readonly seed: number;
  /** Whether the path exists that tells the account with the credentials. */
  readonly extendedCredentials: boolean;
  readonly limits: LinkLocalLimits;
}

/** Whose endpoint was asked, and how far away it is. */
interface Asker {
  readonly client: string;
  readonly hops: number;
}

/** What a request comes to: written to the wire and to the journal. */
interface Outcome {
  readonly operation: string;
  /** 0: no answer. */
  readonly status: number;
  readonly decision: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly generation?: number;
}

const NOT_FOUND_PAGE = `<?xml version="1.0" encoding="iso-8859-1"?>
<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"
\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head>
  <title>404 - Not Found</title>
 </head>
 <body>
  <h1>404 - Not Found</h1>
 </body>
</html>
`;

export class ImdsService {
  readonly #clock: Clock;
  readonly #instance: SimulatedInstance;
  readonly #journal: Journal;
  readonly #sessionTokens: SessionTokens;
  readonly #extendedCredentials: boolean;
  readonly #budget: LinkLocalBudget;

  constructor({ clock, instance, journal, seed, extendedCredentials, limits }: ImdsServiceOptions) {
    this.#clock = clock;
    this.#instance = instance;
    this.#journal = journal;
    this.#sessionTokens = new SessionTokens(seed);
    this.#extendedCredentials = extendedCredentials;
    this.#budget = new LinkLocalBudget(limits, clock.network);
  }

  /**
   * Answers requests; the journal calls who asks through here `client`.
   * @param hops how far away the client is: 1 on the host itself, 2 in a container on a bridge.
   */
  listener(client: string, hops = 1): RequestListener {
    return (incoming, outgoing) => this.#serve({ client, hops }, incoming, outgoing);
  }

  forgetSessionTokens(): void {
    this.#sessionTokens.forgetAll();
  }

  #serve({ client, hops }: Asker, incoming: IncomingMessage, outgoing: ServerResponse): void {
    incoming.resume();
    const at = this.#clock.now();
    const { method = "", url = "" } = incoming;
    // Slashes that stand together count as one: the AWS SDK for JavaScript's own metadata client asks for //latest/….
    const path = (url.split("?", 1)[0] ?? "").replace(/\/{2,}/g, "/");
    const outcome = this.#arrived(this.#answer(method, path, incoming), hops);
    const { operation, status, decision, generation } = outcome;
    this.#journal.record({
      at,
      service: "imds",
      client,
      operation,
      method,
      path: url,
      status,
      decision,
      ...(generation === undefined ? {} : { generation }),
    });
    // Of what is lost on the way the client hears nothing: it waits until it has had enough, or the simulator ends.
    if (status !== 0) this.#write(outgoing, outcome);
  }

  /** The answer to a session-token request has a hop limit: beyond it, the network drops it. */
  #arrived(outcome: Outcome, hops: number): Outcome {
    const { httpPutResponseHopLimit: limit } = this.#instance.metadataOptions;
    if (outcome.operation !== "token" || outcome.status !== 200 || hops <= limit) return outcome;
    const decision = `answer lost: hop limit ${limit}, and the client is ${hops} hops away`;
    return { operation: outcome.operation, status: 0, decision };
  }

  #write(outgoing: ServerResponse, { status, body = "", contentType = "text/plain", headers = {} }: Outcome): void {
    // The header tells the simulator's time, from which clients measure their skew.
    outgoing.sendDate = false;
    outgoing.writeHead(status, {
      date: new Date(this.#clock.now()).toUTCString(),
      server: "EC2ws",
      "content-length": Buffer.byteLength(body),
      ...(body === "" ? {} : { "content-type": contentType }),
      ...headers,
    });
    outgoing.end(body);
  }

  #answer(method: string, path: string, incoming: IncomingMessage): Outcome {
    const operation = operationOf(path);
    const spent = this.#budget.spend(incoming);
    if (spent === "lost") return { operation, status: 0, decision: "lost: linklocal_allowance_exceeded" };
    if (spent === "throttled")
      return { operation, status: 503, decision: "more requests than IMDS serves in a second" };
    const { httpEndpoint, httpTokens } = this.#instance.metadataOptions;
    if (httpEndpoint === "disabled")
      return { operation, status: 403, decision: "the instance's httpEndpoint is disabled" };
    if (path === imdsProtocol.tokenPath) return this.#grant(method, incoming);
    if (method !== "GET" && method !== "HEAD") return { operation, status: 405, decision: "method not allowed" };
    const token = incoming.headers[imdsProtocol.tokenHeader];
    const judgement = this.#sessionTokens.judge(typeof token === "string" ? token : undefined, this.#clock.now());
    // Whoever shows a token must show a good one; without any, it is IMDSv1.
    if (judgement === "missing" && httpTokens === "optional") return this.#read(path, operation, "ok, IMDSv1");
    if (judgement !== "good") return { operation, status: 401, decision: `session token ${judgement}` };
    return this.#read(path, operation, "ok");
  }

  #grant(method: string, incoming: IncomingMessage): Outcome {
    const operation = "token";
    if (method !== "PUT") return { operation, status: 405, decision: "method not allowed" };
    // A proxy has been talked into asking for somebody else.
    if (incoming.headers["x-forwarded-for"] !== undefined) {
      return { operation, status: 403, decision: "X-Forwarded-For is present" };
    }
    const ttlHeader = incoming.headers[imdsProtocol.tokenTtlHeader];
    const granted = this.#sessionTokens.grant(typeof ttlHeader === "string" ? ttlHeader : undefined, this.#clock.now());
    if (granted === undefined) return { operation, status: 400, decision: "bad or missing TTL" };
    return {
      operation,
      status: 200,
      decision: "ok",
      body: granted.token,
      headers: { [imdsProtocol.tokenTtlHeader]: granted.ttl },
    };
  }

  #read(path: string, operation: string, decision: string): Outcome {
    const plain = decoded(path);
    if (plain === undefined) return { operation, status: 400, decision: "the path cannot be read" };
    if (plain === "/") return { operation, status: 200, decision, body: [...IMDS_VERSIONS, "latest"].join("\n") };
    const [, version = "", below = ""] = /^\/([^/]+)(?:\/(.*))?$/.exec(plain) ?? [];
    const isVersion = version === "latest" || IMDS_VERSIONS.includes(version);
    const found = isVersion ? this.#instance.find(below, this.#extendedCredentials) : undefined;
    if (found === undefined) {
      return { operation, status: 404, decision: "no such category", body: NOT_FOUND_PAGE, contentType: "text/html" };
    }
    const { value, ...more } = found;
    return { operation, status: 200, decision, body: value, ...more };
  }
}

/** A path without its escape sequences: tags may have a blank or a colon in their names. */
function decoded(path: string): string | undefined {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** What is asked for, in a word: for the journal. */
export function operationOf(path: string): string {
  if (path === imdsProtocol.tokenPath) return "token";
  for (const [roles, name] of [
    [imdsProtocol.extendedRolePath, "extended-"],
    [imdsProtocol.rolePath, ""],
  ] as const) {
    if (path === roles || `${path}/` === roles) return `${name}role-list`;
    if (path.startsWith(roles)) return `${name}credentials`;
  }
  return path.split("/").filter(Boolean).at(-1) ?? "root";
}
