/** The target where there is no nginx: a process of its own that takes what comes and throws it away. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { ANSWER_HEADERS, type Download, download, UPLOAD_COMPLETED, UPLOAD_CREATED } from "./objects.js";

const { KEY: key, CERTIFICATE: cert, SIZES = "" } = process.env;

const downloads = new Map<string, Download>();
for (const size of SIZES.split(",")) if (size !== "") downloads.set(size, download(Number(size)));

function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.once("end", () => {
    const { method, url = "/" } = request;
    if (method === "GET" || method === "HEAD") {
      const found = downloads.get(/\/read-(\d+)\//.exec(url)?.[1] ?? "");
      if (found === undefined) response.writeHead(404, ANSWER_HEADERS).end();
      else send(response, found);
    } else if (method === "DELETE") response.writeHead(204, ANSWER_HEADERS).end();
    else if (method === "POST") {
      response.writeHead(200, ANSWER_HEADERS).end(url.includes("uploadId=") ? UPLOAD_COMPLETED : UPLOAD_CREATED);
    } else response.writeHead(200, ANSWER_HEADERS).end();
  });
}

function send(response: ServerResponse, { body, headers }: Download): void {
  response.writeHead(200, { ...ANSWER_HEADERS, ...headers, "content-length": body.length }).end(body);
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
process.on("SIGINT", () => {});
process.once("disconnect", () => process.exit());
