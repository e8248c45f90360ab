/** A server that has one page, `/metrics`, for Prometheus to read. It never keeps a process alive. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export const TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8";

export interface ScrapeServer {
  readonly url: string;
  close(): Promise<void>;
}

export async function scrapeServer(
  { host, port }: { readonly host: string; readonly port: number },
  text: () => Promise<string>,
): Promise<ScrapeServer> {
  const server = createServer((incoming, outgoing) => void answer(incoming, outgoing, text));
  await listening(server, host, port);
  server.unref();
  const { address, family, port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${bound}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, text: () => Promise<string>): Promise<void> {
  const [path] = (incoming.url ?? "").split("?");
  if (path !== "/metrics") {
    outgoing.writeHead(404).end();
    return;
  }
  if (incoming.method !== "GET" && incoming.method !== "HEAD") {
    outgoing.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  try {
    const body = await text();
    outgoing.writeHead(200, { "content-type": TEXT_FORMAT }).end(body);
  } catch {
    // Half of the figures would look like all of them.
    outgoing.writeHead(500).end("the figures could not be read\n");
  }
}
