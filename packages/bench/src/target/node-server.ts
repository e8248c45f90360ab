/** The target where there is no nginx: a process of its own that takes what comes and throws it away. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ANSWER_HEADERS, DOWNLOAD_HEADERS, OBJECT } from "./objects.js";

const { KEY: key, CERTIFICATE: cert } = process.env;

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.once("end", () => {
    if (request.method === "GET") response.writeHead(200, { ...ANSWER_HEADERS, ...DOWNLOAD_HEADERS }).end(OBJECT);
    else response.writeHead(200, ANSWER_HEADERS).end();
  });
}

const listening = [createServer(answer), createTlsServer({ key, cert }, answer)].map(
  (server) =>
    new Promise<number>((resolve) => {
      server.keepAliveTimeout = 600_000;
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
    }),
);

const [port, tlsPort] = await Promise.all(listening);
process.send?.({ port, tlsPort });
process.once("disconnect", () => process.exit());
