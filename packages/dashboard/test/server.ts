/** A dashboard for one test, as it is served; and programs that ask it, browsers among them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VirtualClock } from "@evertoken/core";
import { createDashboard, type Fleet, serveDashboard } from "@evertoken/dashboard";
import { LaneRecorder, LiveRecord } from "@evertoken/telemetry/live";
import { onTestFinished } from "vitest";

/** A built page, small. */
export function builtPage(): string {
  const folder = mkdtempSync(join(tmpdir(), "evertoken-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const html = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <link rel="icon" href="./icon.svg" type="image/svg+xml">
    <script type="module" crossorigin src="./page.js"></script>
    <link rel="stylesheet" crossorigin href="./page.css">
  </head>
  <body><div id="app"></div></body>
</html>
`;
  writeFileSync(join(folder, "index.html"), html);
  writeFileSync(join(folder, "page.js"), `document.body.append("ready </script> $& ");${" ".repeat(1000)}`);
  writeFileSync(join(folder, "page.css"), "body { margin: 0 }");
  writeFileSync(join(folder, "icon.svg"), '<svg xmlns="http://www.w3.org/2000/svg"/>');
  writeFileSync(join(folder, "page.js.map"), "{}");
  return folder;
}

async function serve(options: Parameters<typeof createDashboard>[0]) {
  const page = createDashboard({ folder: builtPage(), ...options });
  const served = await serveDashboard(page, { port: 0 });
  onTestFinished(() => served.close());
  return { page, url: served.url, close: served.close };
}

/** The page of one process whose clock is moved by hand; ticks come as it moves. */
export async function liveDashboard() {
  const clock = new VirtualClock({ startAt: Date.UTC(2026, 10, 25) });
  const lane = new LaneRecorder({ clock });
  const live = new LiveRecord({ subject: "application", host: "test-host", clock }).start(() => [lane.take()]);
  onTestFinished(() => live.close());
  return { clock, lane, live, ...(await serve({ live, clock })) };
}

export const fleetDashboard = (fleet: Fleet) => serve({ fleet });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export function ask(url: string, path: string, headers: OutgoingHttpHeaders = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(`${url}${path}`, { method, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk) => chunks.push(chunk));
      incoming.on("error", reject);
      incoming.on("end", () => {
        const body = Buffer.concat(chunks).toString("latin1");
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body });
      });
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}
