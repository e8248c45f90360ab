/**
 * The instance metadata service, version 2 only, as EC2 answers it.
 *
 * A GET without a good session token is answered 401 with an **empty body**: old SDKs take that for a network error, and
 * an answer with a body would hide the very bug that this simulator is there to show (aws-sdk-cpp #2282).
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import { imdsProtocol } from "@evertoken/imds";
import { categories, type InstanceFacts, listing } from "./imds-categories.js";
import { SessionTokens } from "./imds-session-tokens.js";
import type { InstanceRole } from "./instance-role.js";
import type { Journal } from "./journal.js";
import type { IssuedCredential } from "./ledger.js";

export interface ImdsServiceOptions {
  readonly clock: Clock;
  readonly role: InstanceRole;
  readonly journal: Journal;
  readonly facts: InstanceFacts;
  readonly seed: number;
}

/** What a request comes to: written to the wire and to the journal. */
interface Outcome {
  readonly operation: string;
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

const INFO_PATH = "/latest/meta-data/iam/info";

export class ImdsService {
  readonly #clock: Clock;
  readonly #role: InstanceRole;
  readonly #journal: Journal;
  readonly #facts: InstanceFacts;
  readonly #sessionTokens: SessionTokens;
  readonly #categories: Map<string, string>;

  constructor({ clock, role, journal, facts, seed }: ImdsServiceOptions) {
    this.#clock = clock;
    this.#role = role;
    this.#journal = journal;
    this.#facts = facts;
    this.#sessionTokens = new SessionTokens(seed);
    this.#categories = categories(facts);
  }

  /** Answers requests; the journal calls who asks through here `client`. */
  listener(client: string): RequestListener {
    return (incoming, outgoing) => this.#serve(client, incoming, outgoing);
  }

  forgetSessionTokens(): void {
    this.#sessionTokens.forgetAll();
  }

  #serve(client: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
    incoming.resume();
    const at = this.#clock.now();
    const { method = "", url = "" } = incoming;
    const path = url.split("?", 1)[0] ?? "";
    const outcome = this.#answer(method, path, incoming);
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
    this.#write(outgoing, outcome);
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
    if (path === imdsProtocol.tokenPath) return this.#grant(method, incoming);
    if (method !== "GET" && method !== "HEAD") return { operation, status: 405, decision: "method not allowed" };
    const token = incoming.headers[imdsProtocol.tokenHeader];
    const judgement = this.#sessionTokens.judge(typeof token === "string" ? token : undefined, this.#clock.now());
    if (judgement !== "good") return { operation, status: 401, decision: `session token ${judgement}` };
    return this.#read(path, operation);
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

  #read(path: string, operation: string): Outcome {
    const ok = { operation, status: 200, decision: "ok" };
    for (const roles of [imdsProtocol.rolePath, imdsProtocol.extendedRolePath]) {
      if (path === roles || `${path}/` === roles) return { ...ok, body: this.#role.roleName };
      if (path === `${roles}${this.#role.roleName}`) {
        const credential = this.#role.current(this.#clock.now());
        const account = roles === imdsProtocol.extendedRolePath ? { AccountId: this.#facts.accountId } : {};
        return { ...ok, body: documentOf(credential, account), generation: credential.generation };
      }
    }
    if (path === INFO_PATH) return { ...ok, body: this.#profile(), contentType: "application/json" };
    const body = this.#categories.get(path) ?? listing(this.#paths(), path);
    if (body !== undefined) return { ...ok, body };
    return { operation, status: 404, decision: "no such category", body: NOT_FOUND_PAGE, contentType: "text/html" };
  }

  #profile(): string {
    const { accountId } = this.#facts;
    const profile = {
      Code: "Success",
      LastUpdated: instant(this.#role.current(this.#clock.now()).issuedAt),
      InstanceProfileArn: `arn:aws:iam::${accountId}:instance-profile/${this.#role.roleName}`,
      InstanceProfileId: "AIPAEXAMPLEPROFILE000",
    };
    return JSON.stringify(profile, null, 2);
  }

  *#paths(): Iterable<string> {
    yield* this.#categories.keys();
    yield INFO_PATH;
    yield `${imdsProtocol.rolePath}${this.#role.roleName}`;
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

function documentOf(credential: IssuedCredential, more: Readonly<Record<string, string>>): string {
  const document = {
    Code: "Success",
    LastUpdated: instant(credential.issuedAt),
    Type: "AWS-HMAC",
    AccessKeyId: credential.accessKeyId,
    SecretAccessKey: credential.secretAccessKey,
    Token: credential.sessionToken,
    Expiration: instant(credential.expiresAt),
    ...more,
  };
  return JSON.stringify(document, null, 2);
}

/** Whole seconds with a Z, as IMDS prints instants. */
function instant(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d+Z$/, "Z");
}
