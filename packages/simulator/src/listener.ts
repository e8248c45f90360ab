/** One HTTP server on loopback: listens, tells its address, and goes away at once with all its connections. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EvertokenError } from "@evertoken/core";

/** A simulator never listens on an address that another machine could reach. */
const HOST = "127.0.0.1";

export class PortInUseError extends EvertokenError {
  override readonly code = "PORT_IN_USE";
}

export interface Handlers {
  readonly request: RequestListener;
  readonly checkContinue?: RequestListener;
}

export interface Listening {
  readonly url: string;
  /** Whether connections are taken. Those that exist are ended when it changes to no. */
  setAccepting(accepting: boolean): void;
  close(): Promise<void>;
}

/** @throws PortInUseError when somebody else listens on `port` already. */
export async function listen(port: number, what: string, handlers: Handlers): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: 60_000 }, handlers.request);
  if (handlers.checkContinue !== undefined) server.on("checkContinue", handlers.checkContinue);
  await bind(server, port, what);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${HOST}:${bound}`,
    setAccepting(accepting) {
      if (accepting) server.listen(bound, HOST);
      else end(server);
    },
    close: () => new Promise((resolve) => (server.listening ? end(server, resolve) : resolve())),
  };
}

function end(server: Server, ended?: () => void): void {
  server.close(ended && (() => ended()));
  server.closeAllConnections();
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
