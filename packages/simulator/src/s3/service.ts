/**
 * S3 on loopback: enough of it that ordinary tools work unchanged, and with credentials that really expire.
 *
 * A request is authenticated by its headers first, so that a refusal can come before the body (`Expect: 100-continue`);
 * then its body is read and checked; then the operation runs. One entry in the journal for each.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Clock } from "@evertoken/core";
import type { Journal } from "../journal.js";
import type { Ledger } from "../ledger.js";
import { type Authenticated, Authentication } from "./authentication.js";
import { S3Error } from "./errors.js";
import { operationOf, perform } from "./operations.js";
import { assertSize, readPayload } from "./payload.js";
import { type S3Answer, S3Request, type Target, targetOf } from "./request.js";
import { splitUrl } from "./signature.js";
import { Store } from "./store.js";
import { endPatiently, isWorthClosing } from "./unread.js";

export interface S3ServiceOptions {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly journal: Pick<Journal, "record">;
  readonly region: string;
  readonly seed: number;
  /** A bucket that does not exist is created when it is first used, instead of 404 `NoSuchBucket`. */
  readonly createBuckets: boolean;
  /** How far a request's timestamp may be from the clock. */
  readonly maxSkewMs: () => number;
}

export interface S3Handlers {
  readonly request: RequestListener;
  /** For requests that ask before they send their body. */
  readonly checkContinue: RequestListener;
}

/** What is known of a request by the time it is answered. */
interface Progress {
  readonly at: number;
  readonly requestId: string;
  operation: string;
  generation: number | undefined;
}

export class S3Service {
  readonly #options: S3ServiceOptions;
  readonly #authentication: Authentication;
  readonly #store = new Store();
  #count = 0;

  constructor(options: S3ServiceOptions) {
    this.#options = options;
    this.#authentication = new Authentication(options);
  }

  /** Handlers for one endpoint of a `node:http` server; the journal calls who asks through it `client`. */
  handlers(client: string): S3Handlers {
    const serve = (asksFirst: boolean) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#serve(client, asksFirst, incoming, outgoing).catch((error) => outgoing.destroy(error));
    };
    return { request: serve(false), checkContinue: serve(true) };
  }

  async #serve(client: string, asksFirst: boolean, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const progress: Progress = {
      at: this.#options.clock.now(),
      requestId: this.#newId(),
      operation: "Unknown",
      generation: undefined,
    };
    let answer: S3Answer;
    let decision = "ok";
    let continued = !asksFirst;
    try {
      const target = targetOf(incoming);
      progress.operation = operationOf(target, incoming.headers["x-amz-copy-source"] !== undefined);
      const claim = this.#authentication.claimOf(incoming);
      progress.generation = this.#options.ledger.find(claim.accessKeyId)?.generation;
      const authenticated = this.#authentication.authenticate(incoming, claim);
      assertSize(incoming, authenticated);
      if (asksFirst) outgoing.writeContinue();
      continued = true;
      answer = await this.#perform(target, incoming, authenticated, progress);
    } catch (error) {
      if (incoming.destroyed && !incoming.complete) {
        this.#record(client, incoming, progress, 0, "the client went away");
        outgoing.destroy();
        return;
      }
      const refusal = error instanceof S3Error ? error : new S3Error("InternalError", { reason: String(error) });
      decision = refusal.reason === undefined ? refusal.code : `${refusal.code}: ${refusal.reason}`;
      answer = refused(refusal, incoming, progress.requestId);
    }
    this.#record(client, incoming, progress, answer.status, decision);
    this.#write(incoming, outgoing, answer, { requestId: progress.requestId, continued });
  }

  async #perform(
    target: Target,
    incoming: IncomingMessage,
    authenticated: Authenticated,
    { operation, at }: Progress,
  ): Promise<S3Answer> {
    const { region, createBuckets } = this.#options;
    // The checksum of a completed upload is that of the object; the body is a list of its parts.
    const payload = await readPayload(incoming, authenticated, operation !== "CompleteMultipartUpload");
    const request = new S3Request(target, incoming.headers, payload);
    const newId = () => `upload-${this.#newId()}`;
    return perform(operation, request, { store: this.#store, region, createBuckets, now: at, newId });
  }

  #write(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    answer: S3Answer,
    { requestId, continued }: { requestId: string; continued: boolean },
  ): void {
    const { status, headers = {}, body = "" } = answer;
    const isUnread = continued && isWorthClosing(incoming);
    outgoing.sendDate = false;
    // A body that was never asked for may come all the same: this connection cannot be used again.
    if (!continued || isUnread) outgoing.setHeader("connection", "close");
    const all: Record<string, string | number> = {
      "x-amz-id-2": hostId(requestId),
      "x-amz-request-id": requestId,
      date: new Date(this.#options.clock.now()).toUTCString(),
      server: "AmazonS3",
      ...(typeof body === "string" && body !== "" ? { "content-type": "application/xml" } : {}),
      ...headers,
    };
    if (status !== 204 && status !== 304) {
      all["content-length"] =
        answer.contentLength ?? (typeof body === "string" ? Buffer.byteLength(body) : body.length);
    }
    outgoing.writeHead(status, all);
    // The answer to a HEAD has the headers of a body, and none.
    const told = incoming.method === "HEAD" ? "" : body;
    if (isUnread) endPatiently(incoming, outgoing, told);
    else outgoing.end(told);
    // A small rest of the body is read, so that the next request can come; of a large one endPatiently sees the end.
    incoming.resume();
  }

  #record(client: string, incoming: IncomingMessage, progress: Progress, status: number, decision: string): void {
    const { at, operation, requestId, generation } = progress;
    this.#options.journal.record({
      at,
      service: "s3",
      client,
      operation,
      method: incoming.method ?? "",
      path: incoming.url ?? "",
      status,
      decision,
      requestId,
      ...(generation === undefined ? {} : { generation }),
    });
  }

  /** Sixteen characters like S3's, and repeatable. */
  #newId(): string {
    this.#count += 1;
    const seed = this.#options.seed.toString(36).slice(-4).padStart(4, "0");
    return `${seed}${this.#count.toString(36).padStart(12, "0")}`.toUpperCase();
  }
}

function refused(refusal: S3Error, incoming: IncomingMessage, requestId: string): S3Answer {
  if (refusal.status === 304) return { status: 304, headers: { etag: refusal.details.ETag ?? "" } };
  const [path] = splitUrl(incoming.url ?? "");
  const headers = { "content-type": "application/xml" };
  return { status: refusal.status, headers, body: refusal.document(path, requestId, hostId(requestId)) };
}

function hostId(requestId: string): string {
  return `evertoken-simulator/${requestId}`;
}
