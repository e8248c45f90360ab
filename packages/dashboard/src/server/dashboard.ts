/**
 * The page and what it reads, for any server on loopback:
 *
 *     GET /                                the page, and its files
 *     GET /api/mode                        { "mode": "host" | "fleet" }
 *     GET /api/live                        one process, live, by server-sent events
 *     GET /api/prometheus/query, …         a fleet, in front of anything that speaks Prometheus's API
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, LocalPage } from "@evertoken/core";
import type { LiveFeed } from "@evertoken/telemetry/live";
import { json, problem, send } from "./answers.js";
import { BuiltPage } from "./built-page.js";
import type { Fleet } from "./fleet.js";
import { refusalOf } from "./guard.js";
import { LiveStream } from "./live-stream.js";

export type DashboardOptions = {
  readonly clock?: Clock;
  /** Where the page was built. Default: in this package. */
  readonly folder?: string;
} & ({ readonly live: LiveFeed } | { readonly fleet: Fleet });

const PROMETHEUS = "/api/prometheus";

/**
 * @example
 * const page = createDashboard({ live: new LiveRecord({ subject: "application", host: hostname() }).start(() => [lane.take()]) });
 * await serveDashboard(page, { port: 9464 });
 */
export function createDashboard(options: DashboardOptions): LocalPage {
  return new Dashboard(options);
}

class Dashboard implements LocalPage {
  readonly #page: BuiltPage;
  readonly #stream: LiveStream | undefined;
  readonly #fleet: Fleet | undefined;

  constructor(options: DashboardOptions) {
    const { folder, clock } = options;
    this.#page = new BuiltPage(folder);
    if ("live" in options) this.#stream = new LiveStream(options.live, clock === undefined ? {} : { clock });
    else this.#fleet = options.fleet;
  }

  owns({ url = "/", headers }: IncomingMessage): boolean {
    const path = pathIn(url);
    // Programs that ask for the root of a server mean the server.
    if (path === "/") return (headers.accept ?? "").includes("text/html");
    return path.startsWith("/api/") || this.#page.has(path);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      const { status, code, message } = refusal;
      send(response, problem(status, code, message, status === 405 ? { allow: "GET, HEAD" } : {}));
      return;
    }
    const { url = "/", headers } = request;
    const path = pathIn(url);
    if (path === "/api/live" && this.#stream !== undefined) this.#answerLive(this.#stream, request, response);
    else if (path === "/api/mode") send(response, json(this.#mode()));
    else if (path.startsWith(`${PROMETHEUS}/`) && this.#fleet !== undefined)
      this.#answerFleet(this.#fleet, url, response);
    else send(response, this.#page.answer(path, headers) ?? problem(404, "not_found", `there is nothing at ${path}`));
  }

  close(): void {
    this.#stream?.close();
  }

  #mode(): object {
    return this.#fleet === undefined ? { mode: "host" } : { mode: "fleet", prometheus: this.#fleet.url };
  }

  #answerLive(stream: LiveStream, { method }: IncomingMessage, response: ServerResponse): void {
    if (stream.isFull) {
      send(response, problem(503, "busy", "too many pages are open: close some", { "retry-after": "5" }));
    } else if (method === "HEAD") {
      send(response, { status: 200, headers: { "content-type": "text/event-stream; charset=utf-8" }, body: "" });
    } else stream.add(response);
  }

  #answerFleet(fleet: Fleet, url: string, response: ServerResponse): void {
    const gone = new AbortController();
    response.on("close", () => gone.abort());
    const { pathname, searchParams } = new URL(url, "http://localhost");
    void fleet.answer(pathname.slice(PROMETHEUS.length), searchParams, gone.signal).then((answer) => {
      if (!response.destroyed) send(response, answer);
    });
  }
}

function pathIn(url: string): string {
  return url.split("?", 1)[0] ?? "/";
}
