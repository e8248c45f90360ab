/** One HTTP server on loopback: listens, tells its address, and goes away at once with all its connections. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import type { Duplex } from "node:stream";
import { EvertokenError, InvalidInputError } from "@evertoken/core";

/** A simulator never listens on an address that another machine could reach: link-local ones must be the loopback's. */
export type LoopbackHost = "127.0.0.1" | "::1" | "169.254.169.254" | "169.254.170.2";

export class PortInUseError extends EvertokenError {
  override readonly code = "PORT_IN_USE";
}

export class PortNotAllowedError extends EvertokenError {
  override readonly code = "PORT_NOT_ALLOWED";
}

export interface Handlers {
  readonly request: RequestListener;
  readonly checkContinue?: RequestListener;
  /** What cannot be read as a request, or never comes to its end. Default: Node.js's own answer, without a body. */
  readonly clientError?: (error: NodeJS.ErrnoException, socket: Duplex) => void;
}

export interface Listening {
  readonly url: string;
  /** Whether connections are taken. Those that exist are ended when it changes to no. */
  setAccepting(accepting: boolean): void;
  close(): Promise<void>;
}

/** @throws PortInUseError when somebody else listens on `port` already; InvalidInputError when this host has no such address. */
export async function listen(
  port: number,
  what: string,
  handlers: Handlers,
  host: LoopbackHost = "127.0.0.1",
): Promise<Listening> {
  // A request may take as long as it goes on, and what is wrong with it the service says itself.
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0, requireHostHeader: false });
  server.on("request", handlers.request).on("checkExpectation", handlers.request);
  if (handlers.checkContinue !== undefined) server.on("checkContinue", handlers.checkContinue);
  const { clientError } = handlers;
  if (clientError !== undefined) {
    server.on("clientError", clientError);
    server.on("connect", (_request, socket) => clientError(new Error("CONNECT is for proxies"), socket));
  }
  assertOnLoopback(host);
  await bind(server, port, what, host);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host === "::1" ? "[::1]" : host}:${bound}`,
    setAccepting(accepting) {
      if (accepting) server.listen(bound, host);
      else end(server);
    },
    close: () => new Promise((resolve) => (server.listening ? end(server, resolve) : resolve())),
  };
}

function end(server: Server, ended?: () => void): void {
  server.close(ended && (() => ended()));
  server.closeAllConnections();
}

function assertOnLoopback(host: LoopbackHost): void {
  const isThere = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address, internal }) => internal && address === host),
  );
  if (isThere || host === "127.0.0.1") return;
  const [field, message] =
    host === "::1"
      ? ["ipv6", "cannot be: this host has no IPv6 loopback address (::1)"]
      : ["linkLocal", `needs ${host} on the loopback interface: ip addr add ${host}/32 dev lo`];
  throw new InvalidInputError("startSimulator options", [{ field, message }]);
}

function bind(server: Server, port: number, what: string, host: LoopbackHost): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EACCES") {
        const message = `port ${port} for ${what} may not be opened: run as root, with CAP_NET_BIND_SERVICE, or choose another port.`;
        return reject(new PortNotAllowedError(message, { cause: error }));
      }
      if (error.code !== "EADDRINUSE") return reject(error);
      const message = `port ${port} for ${what} is in use: end what listens there, or choose another port (0: any free one).`;
      reject(new PortInUseError(message, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}
