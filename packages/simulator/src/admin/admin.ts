/**
 * The admin API: a running simulator steered and read over HTTP, for tests in any language and for `evertoken simulate why`.
 *
 * On a port of its own, because none of this is AWS's. It answers this host's own programs only: a web page that was
 * opened here must not be able to steer it, so foreign names in `Host` (DNS rebinding), any `Origin` and what a proxy has
 * forwarded are refused.
 */

import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import {
  ClosedError,
  describeError,
  EvertokenError,
  hostHeaders,
  InvalidInputError,
  LOOPBACK_HOSTS,
  type LocalPage,
} from "@evertoken/core";
import { type AdminTarget, type Reply, ROUTES } from "./routes.js";

/** More than anything that is sent here. */
const MOST_BYTES = 64 << 10;

/** @param target what is steered. */
export function adminListener(target: AdminTarget): RequestListener {
  return (incoming, outgoing) => {
    answer(target, incoming).then(
      (reply) => write(outgoing, reply),
      (error) => write(outgoing, refusal(error)),
    );
  };
}

/** With the page in front of it, for browsers. */
export function withPage(page: LocalPage | undefined, listener: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    if (page?.owns(incoming)) page.handle(incoming, outgoing);
    else listener(incoming, outgoing);
  };
}

class Refused extends EvertokenError {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function answer(target: AdminTarget, incoming: IncomingMessage): Promise<Reply> {
  assertOfThisHost(incoming.headers, incoming.socket.localPort);
  const url = new URL(incoming.url ?? "/", "http://localhost");
  const here = ROUTES.flatMap((route) => {
    const found = route.path.exec(url.pathname);
    return found === null ? [] : [{ ...route, parameter: decodeURIComponent(found[1] ?? "") }];
  });
  if (here.length === 0) {
    const paths = ROUTES.map(({ method, shown }) => `${method} ${shown}`).join(", ");
    throw new Refused(404, "NOT_FOUND", `there is nothing at ${url.pathname}: expected one of ${paths}`);
  }
  const route = here.find(({ method }) => method === incoming.method);
  if (route === undefined) {
    const allowed = here.map(({ method }) => method).join(", ");
    throw new Refused(405, "METHOD_NOT_ALLOWED", `${incoming.method} ${url.pathname}: expected ${allowed}`);
  }
  const body = incoming.method === "GET" ? {} : await bodyOf(incoming);
  return route.reply(target, { parameter: route.parameter, query: url.searchParams, body });
}

function assertOfThisHost(headers: IncomingHttpHeaders, port: number | undefined): void {
  const ours = hostHeaders(LOOPBACK_HOSTS, port === undefined ? [] : [port]);
  const refuse = (what: string) => {
    throw new Refused(
      403,
      "FORBIDDEN",
      `${what}: only programs on this host may ask here, by ${[...ours].join(" or ")}`,
    );
  };
  if (!ours.has((headers.host ?? "").toLowerCase())) refuse(`the Host is ${JSON.stringify(headers.host ?? "")}`);
  if (headers.origin !== undefined) refuse("there is an Origin, so a web page asks");
  if (headers["x-forwarded-for"] !== undefined) refuse("there is an X-Forwarded-For, so a proxy asks");
}

async function bodyOf(incoming: IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new Refused(413, "TOO_LARGE", `the body is larger than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  if (text === "") return {};
  const body = parsed(text);
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  throw new InvalidInputError("request", [{ field: "body", message: "is no JSON object" }]);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function refusal(error: unknown): Reply {
  const status =
    error instanceof Refused
      ? error.status
      : error instanceof InvalidInputError
        ? 400
        : error instanceof ClosedError
          ? 503
          : 500;
  const code = error instanceof EvertokenError ? error.code : "INTERNAL";
  return { status, json: { error: { code, message: describeError(error) } } };
}

function write(outgoing: ServerResponse, { status = 200, json }: Reply): void {
  const body = `${JSON.stringify(json, null, 2)}\n`;
  // What is refused unread would be taken for the next request.
  if (status === 413) outgoing.setHeader("connection", "close");
  outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
  });
  outgoing.end(body);
}
