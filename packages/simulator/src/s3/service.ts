/**
 * S3 on loopback: enough of it that ordinary tools work unchanged, and with credentials that really expire.
 *
 * A request is authenticated by its headers first, so that a refusal can come before the body (`Expect: 100-continue`);
 * then its operation runs, which asks for the body when nothing else is against it. One entry in the journal for each.
 */

import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { type Duplex, pipeline } from "node:stream";
import type { Clock } from "@evertoken/core";
import type { Journal } from "../journal.js";
import type { Ledger } from "../ledger.js";
import { Authentication } from "./authentication.js";
import { assertSize, RequestBody } from "./body.js";
import type { DataFolder } from "./disk.js";
import { S3Error, type S3ErrorCode } from "./errors.js";
import { postObject } from "./forms.js";
import { missingBucket, operationOf, perform, type World } from "./operations.js";
import { effectiveHeaders } from "./presigned.js";
import { type ContentRange, type S3Answer, S3Request, type Target, targetOf } from "./request.js";
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
  /** In which everything is kept. Default: memory. */
  readonly folder?: DataFolder | undefined;
  /** How far a request's timestamp may be from the clock. */
  readonly maxSkewMs: () => number;
}

export interface S3Handlers {
  readonly request: RequestListener;
  /** For requests that ask before they send their body. */
  readonly checkContinue: RequestListener;
  /** For what cannot be read as a request. */
  readonly clientError: (error: NodeJS.ErrnoException, socket: Duplex) => void;
}

/** What is known of a request by the time it is answered. */
interface Progress {
  readonly at: number;
  readonly requestId: string;
  operation: string;
  generation: number | undefined;
  /** What was answered in its middle, because what came was no request any more. */
  nonsense: string | undefined;
}

/** Errors of Node.js's parser that S3 has a name for. */
const UNREADABLE: Readonly<Record<string, S3ErrorCode>> = {
  HPE_HEADER_OVERFLOW: "RequestHeaderSectionTooLarge",
  ERR_HTTP_REQUEST_TIMEOUT: "RequestTimeout",
};

export class S3Service {
  readonly #options: S3ServiceOptions;
  readonly #authentication: Authentication;
  readonly #store: Store;
  readonly #world: World;
  /** Requests that are not answered yet. Each is recorded in the end, and goes then: holding them weakly would cost more. */
  readonly #open = new Map<Duplex, Progress>();
  /** Sixteen characters like S3's begin with these four. */
  readonly #idPrefix: string;
  readonly #dates = new HttpDates();
  #count = 0;

  constructor(options: S3ServiceOptions) {
    const { clock, region, createBuckets } = options;
    this.#options = options;
    this.#idPrefix = options.seed.toString(36).slice(-4).padStart(4, "0").toUpperCase();
    this.#authentication = new Authentication(options);
    this.#store = new Store(options.folder);
    const newId = () => `upload-${this.#newId()}`;
    this.#world = { store: this.#store, region, createBuckets, now: () => clock.now(), newId };
  }

  /** Handlers for one endpoint of a `node:http` server; the journal calls who asks through it `client`. */
  handlers(client: string): S3Handlers {
    const serve = (asksFirst: boolean) => (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#serve(client, asksFirst, incoming, outgoing).catch((error) => outgoing.destroy(error));
    };
    const clientError: S3Handlers["clientError"] = (error, socket) => this.#answerNonsense(client, error, socket);
    return { request: serve(false), checkContinue: serve(true), clientError };
  }

  /** What came is no request, or no more of one: the answer is written by hand. */
  #answerNonsense(client: string, { code = "" }: NodeJS.ErrnoException, socket: Duplex): void {
    const open = this.#open.get(socket);
    if (!socket.writable || code === "ECONNRESET" || (open !== undefined && code === "HPE_INVALID_EOF_STATE")) {
      socket.destroy();
      return;
    }
    const refusal = new S3Error(UNREADABLE[code] ?? "BadRequest");
    const { at, requestId } = open ?? { at: this.#options.clock.now(), requestId: this.#newId() };
    const decision = `${refusal.code}: ${code}`;
    if (open !== undefined) open.nonsense = decision;
    else {
      this.#options.journal.record({
        ...{ at, service: "s3", client, operation: "Unknown", method: "", path: "" },
        ...{ status: refusal.status, decision, requestId },
      });
    }
    const body = refusal.document("", requestId, hostId(requestId));
    const head = [
      `HTTP/1.1 ${refusal.status} Bad Request`,
      "Connection: close",
      "Content-Type: application/xml",
      `Content-Length: ${Buffer.byteLength(body)}`,
      `Date: ${new Date(at).toUTCString()}`,
      "Server: AmazonS3",
      `x-amz-request-id: ${requestId}`,
      `x-amz-id-2: ${hostId(requestId)}`,
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  }

  async #serve(client: string, asksFirst: boolean, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const progress: Progress = {
      at: this.#options.clock.now(),
      requestId: this.#newId(),
      operation: "Unknown",
      generation: undefined,
      nonsense: undefined,
    };
    this.#open.set(incoming.socket, progress);
    let answer: S3Answer;
    let decision = "ok";
    let continued = !asksFirst;
    const goOn = () => {
      if (!continued) outgoing.writeContinue();
      continued = true;
    };
    try {
      const target = targetOf(incoming);
      progress.operation = operationOf(target, incoming.headers["x-amz-copy-source"] !== undefined);
      answer =
        progress.operation === "PostObject"
          ? await this.#post(target, incoming, progress, goOn)
          : await this.#perform(target, incoming, progress, goOn);
    } catch (error) {
      if (incoming.destroyed && !incoming.complete) {
        const { nonsense } = progress;
        this.#record(client, incoming, progress, nonsense === undefined ? 0 : 400, nonsense ?? "the client went away");
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

  #perform(target: Target, incoming: IncomingMessage, progress: Progress, goOn: () => void): Promise<S3Answer> {
    const claim = this.#authentication.claimOf(incoming, target.query);
    progress.generation = this.#options.ledger.find(claim.accessKeyId)?.generation;
    const authenticated = this.#authentication.authenticate(incoming, claim);
    assertSize(incoming, authenticated, this.#store.mostBodyBytes);
    const headers = claim.presigned === undefined ? incoming.headers : effectiveHeaders(incoming.headers, target.query);
    const body = new RequestBody(incoming, headers, authenticated, goOn);
    return perform(progress.operation, new S3Request(target, headers, body), this.#world);
  }

  /** A form is signed by a field of its own, so it is authenticated on the way. */
  async #post(target: Target, incoming: IncomingMessage, progress: Progress, goOn: () => void): Promise<S3Answer> {
    const { bucket: name = "" } = target;
    const bucket = this.#store.find(name) ?? (await missingBucket(name, this.#world));
    goOn();
    return postObject(incoming, {
      store: this.#store,
      bucket,
      target,
      authentication: this.#authentication,
      now: this.#world.now,
      signedBy: (accessKeyId) => {
        progress.generation = this.#options.ledger.find(accessKeyId)?.generation;
      },
    });
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
    const size = typeof body === "string" ? Buffer.byteLength(body) : body.to - body.from;
    const date = this.#dates.of(this.#options.clock.now());
    // In the form of a list, of which no object has to be made with names that differ from answer to answer.
    const all = ["x-amz-id-2", hostId(requestId), "x-amz-request-id", requestId, "date", date, "server", "AmazonS3"];
    if (typeof body === "string" && body !== "" && headers["content-type"] === undefined) {
      all.push("content-type", "application/xml");
    }
    for (const name in headers) all.push(name, headers[name] as string);
    if (status !== 204 && status !== 304) all.push("content-length", String(size));
    outgoing.writeHead(status, all);
    // The answer to a HEAD has the headers of a body, and none.
    const isTold = incoming.method !== "HEAD" && size > 0;
    if (isUnread) endPatiently(incoming, outgoing, typeof body === "string" && isTold ? body : "");
    else if (!isTold) outgoing.end();
    else if (typeof body === "string") outgoing.end(body);
    else sendContent(outgoing, body);
    // A small rest of the body is read, so that the next request can come; of a large one endPatiently sees the end.
    incoming.resume();
  }

  #record(client: string, incoming: IncomingMessage, progress: Progress, status: number, decision: string): void {
    const { at, operation, requestId, generation } = progress;
    this.#open.delete(incoming.socket);
    const { method = "", url: path = "" } = incoming;
    const service = "s3";
    const entry = { at, service, client, operation, method, path, status, decision, requestId, generation } as const;
    this.#options.journal.record(entry);
  }

  /** Sixteen characters like S3's, and repeatable. */
  #newId(): string {
    this.#count += 1;
    return `${this.#idPrefix}${this.#count.toString(36).toUpperCase().padStart(12, "0")}`;
  }
}

/** Instants as HTTP writes them: in whole seconds, in each of which there are many answers. */
class HttpDates {
  #second = Number.NaN;
  #text = "";

  of(instant: number): string {
    const second = Math.floor(instant / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(second * 1000).toUTCString();
    }
    return this.#text;
  }
}

function sendContent(outgoing: ServerResponse, { content, from, to }: ContentRange): void {
  const buffers = content.buffers(from, to);
  if (buffers === undefined) {
    // A client that leaves early ends the stream; a file that cannot be read cuts the connection.
    pipeline(content.stream(from, to), outgoing, () => {});
    return;
  }
  for (const buffer of buffers.slice(0, -1)) outgoing.write(buffer);
  outgoing.end(buffers.at(-1));
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
