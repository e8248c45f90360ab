/**
 * One small HTTP request to a service on the host or next to it (IMDS, a container's credential endpoint), and its bounded
 * answer. Nothing here knows tokens or retries.
 *
 * `node:http` with an agent of its own: light to import, and no proxy setting reaches it, neither `HTTP_PROXY` nor
 * `NODE_USE_ENV_PROXY` (Node applies that to its global agents only) nor a global dispatcher. A proxy that forwarded
 * these requests would hand this host's credentials to whoever runs it. Redirects are answers like any other.
 */

import type { Agent, IncomingMessage } from "node:http";
import { every, type Pauses, type Timer } from "./clock.js";

type Http = Pick<typeof import("node:http"), "Agent" | "request">;

/** A time-out is counted in this many slices, each a turn of this process's own event loop. */
const SLICES = 10;

/** IMDS user data is at most 16 KiB and everything else smaller: an answer beyond this is not from such a service. */
const MAX_ANSWER_BYTES = 1 << 20;

export interface SmallRequest {
  readonly method: "GET" | "PUT";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

export interface SmallAnswer {
  readonly status: number;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}

/** No answer came in time. */
export class NoAnswerInTime extends Error {
  override readonly name = "NoAnswerInTime";
}

/** An answer came that cannot be read as text of bounded size. */
export class UnreadableAnswer extends Error {
  override readonly name = "UnreadableAnswer";
}

export class SmallHttpClient {
  readonly #endpoint: URL;
  readonly #timeoutMs: number;
  readonly #pauses: Pauses;
  readonly #agent: Agent;
  readonly #http: Http;

  /**
   * @param endpoint `http(s)://host[:port][/path]`; the path stands before that of each request.
   * @param timeoutMs how long a request may take, connecting included.
   */
  constructor(endpoint: string, timeoutMs: number, pauses: Pauses) {
    this.#endpoint = new URL(endpoint);
    this.#timeoutMs = timeoutMs;
    this.#pauses = pauses;
    // Loaded with the first client: who has credentials from elsewhere never needs it.
    this.#http = process.getBuiltinModule(this.#endpoint.protocol === "https:" ? "node:https" : "node:http");
    // Few sockets: callers share their requests, and all link-local traffic shares 1024 packets per second.
    this.#agent = new this.#http.Agent({ keepAlive: true, maxSockets: 4, maxFreeSockets: 1 });
  }

  /** @throws NoAnswerInTime, UnreadableAnswer, a socket error, or the signal's reason. */
  exchange(exchange: SmallRequest): Promise<SmallAnswer> {
    return new Promise((resolve, reject) => {
      exchange.signal?.throwIfAborted();
      const outgoing = this.#http.request({
        agent: this.#agent,
        // URL keeps the brackets of an IPv6 host; a socket address has none.
        hostname: this.#endpoint.hostname.replace(/^\[|\]$/g, ""),
        port: this.#endpoint.port,
        path: `${this.#endpoint.pathname.replace(/\/$/, "")}${exchange.path}`,
        method: exchange.method,
        // A PUT without a body must say so, or Node sends it chunked, which IMDS refuses.
        headers: exchange.method === "PUT" ? { ...exchange.headers, "content-length": "0" } : exchange.headers,
      });
      // Destroying a request whose answer is half read fails the reading with an error of its own: ours comes first.
      let givenUp: unknown;
      const giveUp = (reason: unknown) => {
        givenUp ??= reason;
        outgoing.destroy();
      };
      const onAbort = () => giveUp(exchange.signal?.reason);
      const deadline = this.#deadline(() => {
        giveUp(new NoAnswerInTime(`no answer within ${this.#timeoutMs} ms`));
      });
      const settle = (finish: () => void) => {
        deadline.cancel();
        exchange.signal?.removeEventListener("abort", onAbort);
        finish();
      };
      exchange.signal?.addEventListener("abort", onAbort, { once: true });
      outgoing.on("response", (incoming) => {
        readAll(incoming).then(
          (body) => settle(() => resolve({ status: incoming.statusCode ?? 0, body, headers: incoming.headers })),
          (error) => {
            outgoing.destroy();
            settle(() => reject(givenUp ?? error));
          },
        );
      });
      outgoing.on("error", (error) => settle(() => reject(givenUp ?? error)));
      outgoing.end();
    });
  }

  /**
   * Calls `tooLate` when this process has waited long enough. A process that was busy itself, constructing a hundred
   * clients say, finds its timers due before it has read what had long arrived: so time is counted in slices, and a
   * slice that took too long counts as one.
   */
  #deadline(tooLate: () => void): Timer {
    let slices = 0;
    const slice = every(
      this.#timeoutMs / SLICES,
      () => {
        slices += 1;
        if (slices < SLICES) return;
        slice.cancel();
        tooLate();
      },
      this.#pauses,
    );
    return slice;
  }

  /** Closes every connection, those in use included. */
  close(): void {
    this.#agent.destroy();
  }
}

async function readAll(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new UnreadableAnswer(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw new UnreadableAnswer("the answer is not UTF-8 text", { cause: error });
  }
}
