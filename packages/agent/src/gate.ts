/**
 * One door of the agent: a listening socket, and what stands behind it before a request reaches its endpoint: bounds on
 * headers, time and connections (`connections.ts`), the guard (`guard.ts`), who is asking (`callers.ts`).
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer, type Socket } from "node:net";
import { type Clock, EvertokenError, type LocalPage, settlesWithin } from "@evertoken/core";
import { type Caller, type CallerPolicy, type Callers, type Identification, isAllowed } from "./callers.js";
import { Connections } from "./connections.js";
import { type Exchange, errorBody, type Handler, JSON_TYPE, send, type Via } from "./exchange.js";
import { allowedHosts, type Refusal, type RefusalKind, refusalOf } from "./guard.js";

/** Where to listen: a socket that was handed over, a path, or a port of an address. */
export type Place =
  | { readonly fd: number }
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** What can change while the agent runs. */
export interface GateRules {
  readonly allowedHosts: readonly string[];
  readonly callers: CallerPolicy & { readonly identify: Identification };
  readonly maxConnections: number;
}

export interface GateOptions {
  readonly via: Via;
  readonly place: Place;
  readonly rules: GateRules;
  readonly callers: Callers;
  readonly clock: Clock;
  readonly maxHeaderBytes: number;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** The `Date` of answers. */
  readonly now: () => number;
  readonly handler: Handler;
  /** What it shows to browsers, which the guard keeps from everything else. */
  readonly page: LocalPage | undefined;
  readonly onRefused: (refusal: Refusal, address: string, via: Via) => void;
}

export class ListenError extends EvertokenError {
  override readonly code = "LISTEN";
}

/** How long connections stay open after SIGTERM, so that a request on its way is not lost; each answer then closes its own. */
const GRACE_MS = 300;

/** No honest client does these by mistake: nothing more is read from such a connection. */
const ENDS_CONNECTION: ReadonlySet<RefusalKind> = new Set(["body", "malformed", "rate", "path"]);

const TOO_MANY: Refusal = {
  status: 503,
  kind: "connections",
  message: "the oldest idle connection made room for a new one",
};
const NOT_ALLOWED: Refusal = {
  status: 403,
  kind: "caller",
  message: "this user or program is not among those allowed (callers)",
};

const GONE: Refusal = { status: 400, kind: "malformed", message: "the connection is not one of this endpoint" };

interface Peer {
  caller: Caller | undefined;
  readonly known: Promise<Caller>;
}

export class Gate {
  readonly #options: GateOptions;
  readonly #server: Server;
  readonly #connections: Connections;
  readonly #peers = new WeakMap<Socket, Peer>();
  #rules: GateRules;
  #hosts: ReadonlySet<string> = new Set();
  #draining = false;

  private constructor(options: GateOptions) {
    this.#options = options;
    this.#rules = options.rules;
    this.#connections = new Connections(options.rules.maxConnections, (socket) => {
      options.onRefused(TOO_MANY, addressOf(socket), options.via);
    });
    this.#server = createServer({
      maxHeaderSize: options.maxHeaderBytes,
      headersTimeout: options.headersTimeoutMs,
      requestTimeout: options.headersTimeoutMs,
      keepAliveTimeout: options.idleTimeoutMs,
      connectionsCheckingInterval: Math.min(1000, options.headersTimeoutMs),
      // The guard checks it, and tells.
      requireHostHeader: false,
    });
    // Beyond a count Node leaves headers out, and the guard would not see them; their size is bounded.
    this.#server.maxHeadersCount = 0;
    this.#server
      .on("connection", (socket: Socket) => this.#connected(socket))
      .on("request", (request, response) => this.#receive(request, response))
      .on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => this.#unreadable(error, socket));
  }

  /** @throws ListenError when the place is taken or may not be used. */
  static async open(options: GateOptions): Promise<Gate> {
    const gate = new Gate(options);
    await listen(gate.#server, options.place, options.via);
    gate.apply(options.rules);
    return gate;
  }

  /** `http://127.0.0.1:9820`, or the path of the Unix socket. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") return address ?? "";
    // Who listens on all addresses is reached from this host by loopback.
    const name = { "0.0.0.0": "127.0.0.1", "::": "[::1]" }[address.address];
    return `http://${name ?? (address.family === "IPv6" ? `[${address.address}]` : address.address)}:${address.port}`;
  }

  /** One that was handed over does not tell its path. */
  get isUnixSocket(): boolean {
    const address = this.#server.address();
    return address === null || typeof address === "string";
  }

  apply(rules: GateRules): void {
    this.#rules = rules;
    this.#connections.max = rules.maxConnections;
    const address = this.#server.address();
    const port = address !== null && typeof address === "object" ? (address as AddressInfo).port : undefined;
    this.#hosts = allowedHosts(port === undefined ? [] : [port], rules.allowedHosts);
  }

  /** Takes no new connection, answers what is under way, and lets go of what is idle. */
  async drain(ms: number): Promise<void> {
    const { network } = this.#options.clock;
    this.#draining = true;
    // Not `http.Server.close`, which cuts idle connections at once, with a request perhaps on its way in them.
    const ended = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(this.#server, () => resolve());
    });
    if (ms > 0 && !(await settlesWithin(ended, Math.min(ms, GRACE_MS), network))) {
      this.#server.closeIdleConnections();
      await settlesWithin(ended, Math.max(0, ms - GRACE_MS), network);
    }
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #connected(socket: Socket): void {
    this.#connections.add(socket);
    const how = this.#options.via === "admin" ? "none" : this.#rules.callers.identify;
    const peer: Peer = { caller: undefined, known: this.#options.callers.identify(socket, how) };
    this.#peers.set(socket, peer);
    void peer.known.then((caller) => {
      peer.caller = caller;
    });
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    this.#connections.begin(socket);
    const { page } = this.#options;
    if (page?.owns(request)) {
      response.on("close", () => this.#connections.end(socket));
      page.handle(request, response);
      return;
    }
    const refusal = refusalOf(request, this.#hosts);
    const peer = this.#peers.get(socket);
    if (refusal !== undefined || peer === undefined) {
      this.#exchange(request, response, { address: addressOf(socket) }).refuse(refusal ?? GONE);
    } else if (peer.caller !== undefined) {
      this.#admit(this.#exchange(request, response, peer.caller));
    } else {
      // The first request of a connection: answered when it is known who asks, for who has closed cannot be looked up.
      void peer.known.then((caller) => this.#admit(this.#exchange(request, response, caller)));
    }
  }

  #admit(exchange: Exchange): void {
    const { via, handler } = this.#options;
    if (via === "admin" || isAllowed(exchange.caller, this.#rules.callers)) handler(exchange);
    else exchange.refuse(NOT_ALLOWED);
  }

  #exchange(request: IncomingMessage, response: ServerResponse, caller: Caller): Exchange {
    const { via, now, onRefused } = this.#options;
    const { socket } = request;
    const answer: Exchange["answer"] = (status, contentType, body, ...headers) => {
      if (this.#draining) headers.push("Connection", "close");
      send(response, now(), { status, contentType, body, headers });
      this.#connections.end(socket);
    };
    return {
      via,
      caller,
      method: request.method ?? "",
      path: request.url ?? "",
      request,
      answer,
      refuse: (refusal, ...headers) => {
        onRefused(refusal, caller.address, via);
        if (ENDS_CONNECTION.has(refusal.kind)) headers.push("Connection", "close");
        answer(refusal.status, JSON_TYPE, errorBody(refusal.kind, refusal.message), ...headers);
      },
    };
  }

  /** Not HTTP, too large, or too slow: Node has given up on it. */
  #unreadable({ code }: NodeJS.ErrnoException, socket: Socket): void {
    if (code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    const refusal = unreadable(code);
    // A connection that never sent anything is closed after its time; nobody was refused anything.
    if (refusal.kind !== "too-slow" || socket.bytesRead > 0) {
      this.#options.onRefused(refusal, addressOf(socket), this.#options.via);
    }
    socket.end(`HTTP/1.1 ${refusal.status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
    // Whoever goes on sending after that is not read any more.
    socket.destroySoon();
  }
}

function unreadable(code: string | undefined): Refusal {
  if (code === "HPE_HEADER_OVERFLOW") return { status: 431, kind: "too-large", message: "the headers are too large" };
  if (code === "ERR_HTTP_REQUEST_TIMEOUT")
    return { status: 408, kind: "too-slow", message: "the request took too long to arrive" };
  return { status: 400, kind: "malformed", message: "the request is not HTTP/1.1" };
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return remoteAddress === undefined ? "unix" : `${remoteAddress}:${remotePort}`;
}

function listen(server: Server, place: Place, via: Via): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(
        new ListenError(`the ${via} endpoint cannot listen on ${nameOf(place)}: ${adviceFor(error, place)}`, {
          cause: error,
        }),
      );
    });
    server.listen({ ...place, backlog: 1024 }, resolve);
  });
}

function nameOf(place: Place): string {
  if ("fd" in place) return `the socket handed over as file descriptor ${place.fd}`;
  return "path" in place ? place.path : `${place.host}:${place.port}`;
}

function adviceFor({ code }: NodeJS.ErrnoException, place: Place): string {
  // A folder that is not there is told as EACCES, too.
  if (code === "EACCES" && "path" in place) return "check that its folder exists, and that the agent may write to it.";
  if (code === "EADDRINUSE") return "it is in use. End what listens there, or choose another (port 0: any free one).";
  if (code === "EACCES")
    return "it is not permitted. Choose a port above 1023, start as root with --user, or use socket activation.";
  return "check that it exists on this host.";
}
