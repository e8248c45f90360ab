/** One HTTP server on loopback: listens, tells its address, and goes away at once with all its connections. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { EvertokenError } from "@evertoken/core";

/** A simulator never listens on an address that another machine could reach. */
const HOST = "127.0.0.1";

export class PortInUseError extends EvertokenError {
  override readonly code = "PORT_IN_USE";
}

export interface Handlers {
  readonly request: RequestListener;
  readonly checkContinue?: RequestListener;
  /** What cannot be read as a request, or never comes to its end. Default: Node.js's own answer, without a body. */
  readonly clientError?: (error: NodeJS.ErrnoException, socket: Duplex) => void;
}

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws PortInUseError when somebody else listens on `port` already. */
export async function listen(port: number, what: string, handlers: Handlers): Promise<Listening> {
  // A request may take as long as it goes on, and what is wrong with it the service says itself.
  const server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0, requireHostHeader: false });
  server.on("request", handlers.request).on("checkExpectation", handlers.request);
  if (handlers.checkContinue !== undefined) server.on("checkContinue", handlers.checkContinue);
  const { clientError } = handlers;
  if (clientError !== undefined) {
    server.on("clientError", clientError);
    server.on("connect", (_request, socket) => clientError(new Error("CONNECT is for proxies"), socket));
  }
  await bind(server, port, what);
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, port: number, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      const message = `port ${port} for ${what} is in use: end what listens there, or choose another port (0: any free one).`;
      reject(new PortInUseError(message, { cause: error }));
    });
    server.listen(port, HOST, resolve);
  });
}
