/** One HTTP server on loopback: listens, tells its address, and goes away at once with all its connections. */

import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EvertokenError, InvalidInputError } from "@evertoken/core";

/** A simulator never listens on an address that another machine could reach. */
export type LoopbackHost = "127.0.0.1" | "::1";

export class PortInUseError extends EvertokenError {
  override readonly code = "PORT_IN_USE";
}

export interface Handlers {
  readonly request: RequestListener;
  readonly checkContinue?: RequestListener;
}

export interface Listening {
  readonly url: string;
  close(): Promise<void>;
}

/** @throws PortInUseError when somebody else listens on `port` already; InvalidInputError when the host has no IPv6. */
export async function listen(
  port: number,
  what: string,
  handlers: Handlers,
  host: LoopbackHost = "127.0.0.1",
): Promise<Listening> {
  const server = createServer({ keepAliveTimeout: 60_000 }, handlers.request);
  if (handlers.checkContinue !== undefined) server.on("checkContinue", handlers.checkContinue);
  await bind(server, port, what, host);
  return {
    url: `http://${host === "::1" ? "[::1]" : host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, port: number, what: string, host: LoopbackHost): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (host === "::1" && (error.code === "EADDRNOTAVAIL" || error.code === "EAFNOSUPPORT")) {
        const message = "cannot be: this host has no IPv6 loopback address (::1)";
        return reject(new InvalidInputError("startSimulator options", [{ field: "ipv6", message }], { cause: error }));
      }
      if (error.code !== "EADDRINUSE") return reject(error);
      const message = `port ${port} for ${what} is in use: end what listens there, or choose another port (0: any free one).`;
      reject(new PortInUseError(message, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}
