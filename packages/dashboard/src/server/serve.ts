/** The page on a port of its own, on loopback. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { EvertokenError, type LocalPage } from "@evertoken/core";

export interface ServedDashboard {
  /** `http://127.0.0.1:9464`. */
  readonly url: string;
  close(): Promise<void>;
}

export class DashboardPortError extends EvertokenError {
  override readonly code = "DASHBOARD_PORT";
}

/** @throws DashboardPortError when the port cannot be opened. */
export async function serveDashboard(page: LocalPage, { port }: { readonly port: number }): Promise<ServedDashboard> {
  const server = createServer((request, response) => page.handle(request, response));
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "it is in use" : cause.message;
      reject(new DashboardPortError(`the page cannot listen on port ${port}: ${why}. Choose another one.`, { cause }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}`,
    close: () =>
      new Promise((resolve) => {
        page.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
