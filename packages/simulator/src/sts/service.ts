/**
 * STS on loopback: the AWS Query protocol (a form in, XML out), with signatures verified where AWS verifies them, and
 * credentials that S3 takes until their end and refuses from then on.
 * @see https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import type { IdentityTokens } from "../container/identity-token.js";
import type { Journal } from "../journal.js";
import type { IssuedCredential, Ledger } from "../ledger.js";
import { element } from "../s3/xml.js";
import { seededUuid } from "../seeded.js";
import { authenticate, claimOf, type StsRequest } from "./authentication.js";
import { inNamespace, StsError } from "./errors.js";
import { OPERATIONS } from "./operations.js";

export interface StsServiceOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly tokens: IdentityTokens;
  readonly region: string;
  readonly seed: number;
  /** How far a request's timestamp may be from the clock. */
  readonly maxSkewMs: () => number;
}

/** No request that STS takes is longer: a token of 20,000 characters, a policy of 2048, and what else there is. */
const MOST_BYTES = 64 * 1024;

const VERSION = "2011-06-15";

export class StsService {
  readonly #options: StsServiceOptions;
  #count = 0;

  constructor(options: StsServiceOptions) {
    this.#options = options;
  }

  /** Answers requests; the journal calls who asks through here `client`. */
  listener(client: string): RequestListener {
    return (incoming, outgoing) => {
      this.#serve(client, incoming, outgoing).catch((error) => outgoing.destroy(error));
    };
  }

  async #serve(client: string, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { clock, journal, seed } = this.#options;
    const at = clock.now();
    this.#count += 1;
    const requestId = seededUuid(seed, `sts-request/${this.#count}`);
    const { method = "", url = "", headers } = incoming;
    const told = { operation: "Unknown", status: 200, decision: "ok", body: "" };
    let used: IssuedCredential | undefined;
    try {
      const request = { method, url, headers, body: await bodyOf(incoming) };
      const parameters = parametersOf(request);
      const [operation, perform] = operationOf(parameters);
      told.operation = operation;
      const { fields, issued } = perform({
        ...this.#options,
        parameters,
        now: at,
        caller: () => {
          used = this.#authenticate(request, at);
          return used;
        },
      });
      used = issued ?? used;
      const result = { [`${operation}Result`]: fields, ResponseMetadata: { RequestId: requestId } };
      told.body = inNamespace(element(`${operation}Response`, result));
    } catch (error) {
      if (!(error instanceof StsError)) throw error;
      told.status = error.status;
      told.decision = error.reason === undefined ? error.code : `${error.code}: ${error.reason}`;
      told.body = error.document(requestId);
    }
    const { operation, status, decision, body } = told;
    const path = url.split("?", 1)[0] ?? "";
    const generation = used === undefined ? {} : { generation: used.generation };
    journal.record({ at, service: "sts", client, operation, method, path, status, decision, requestId, ...generation });
    outgoing.sendDate = false;
    outgoing.writeHead(status, {
      "x-amzn-requestid": requestId,
      "content-type": "text/xml",
      "content-length": Buffer.byteLength(body),
      date: new Date(clock.now()).toUTCString(),
      ...(incoming.complete ? {} : { connection: "close" }),
    });
    outgoing.end(body);
  }

  #authenticate(request: StsRequest, now: number): IssuedCredential {
    const { ledger, region, maxSkewMs } = this.#options;
    return authenticate(request, claimOf(request), now, { ledger, regions: [region, "us-east-1"], maxSkewMs });
  }
}

/** @throws StsError for a body that is longer than any that STS takes; Error when the client goes away. */
async function bodyOf(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop must not cut the connection: there is an answer to give.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MOST_BYTES) throw new StsError("RequestEntityTooLarge");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A form in the body of a POST, or the query of a GET. */
function parametersOf({ method, url, body }: StsRequest): URLSearchParams {
  return new URLSearchParams(method === "POST" && body.length > 0 ? body.toString() : (url.split("?", 2)[1] ?? ""));
}

function operationOf(parameters: URLSearchParams) {
  const action = parameters.get("Action");
  const version = parameters.get("Version");
  if (action === null) throw new StsError("MissingAction");
  const perform = Object.hasOwn(OPERATIONS, action) ? OPERATIONS[action] : undefined;
  if (perform !== undefined && version === VERSION) return [action, perform] as const;
  const message = `Could not find operation ${action} for version ${version ?? "NO_VERSION_SPECIFIED"}`;
  throw new StsError("InvalidAction", message);
}
