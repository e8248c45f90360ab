/**
 * Health and figures, on a port of their own so that they can be reached, or shut off, apart from credentials.
 *
 *     GET /healthz     200 while the process answers
 *     GET /readyz      200 with more than `readySeconds` of valid credentials, else 503; says whether the source fails
 *     GET /metrics     the figures of docs/metrics.md, for Prometheus
 *     GET /v1/status   what `evertoken status` prints
 *
 * Browsers get a page at /, if there is one: the gate hands their requests to it before they come here.
 */

import type { ExportedMetrics } from "@evertoken/telemetry/export";
import { type Exchange, errorBody, JSON_TYPE, TEXT_TYPE } from "./exchange.js";
import type { AgentStatus } from "./status.js";

export interface AdminEndpointOptions {
  readonly status: () => AgentStatus;
  /** The figures of now, for Prometheus. */
  readonly scrape: ExportedMetrics["scrape"];
}

export class AdminEndpoint {
  readonly #options: AdminEndpointOptions;

  constructor(options: AdminEndpointOptions) {
    this.#options = options;
  }

  handle(exchange: Exchange): void {
    if (exchange.method !== "GET") {
      exchange.answer(405, JSON_TYPE, errorBody("MethodNotAllowed", "expected GET"), "Allow", "GET");
      return;
    }
    switch (exchange.path) {
      case "/healthz":
        exchange.answer(200, TEXT_TYPE, "ok\n");
        break;
      case "/readyz":
        this.#answerReadiness(exchange);
        break;
      case "/metrics":
        this.#answerMetrics(exchange);
        break;
      case "/v1/status":
        exchange.answer(200, JSON_TYPE, `${JSON.stringify(this.#options.status(), null, 2)}\n`);
        break;
      default:
        exchange.answer(404, JSON_TYPE, errorBody("NotFound", "try /healthz, /readyz, /metrics or /v1/status"));
    }
  }

  #answerReadiness(exchange: Exchange): void {
    const { ready, readySeconds, credentials, troubles, lastClockStep } = this.#options.status();
    const [own] = credentials;
    const body = {
      ready,
      readySeconds,
      secondsLeft: own?.secondsLeft ?? 0,
      sourceFailingSince: own?.failingSince,
      troubles: troubles.map(({ about }) => about),
      lastClockStep,
    };
    exchange.answer(ready ? 200 : 503, JSON_TYPE, `${JSON.stringify(body)}\n`);
  }

  #answerMetrics(exchange: Exchange): void {
    this.#options.scrape().then(
      ({ contentType, body }) => exchange.answer(200, contentType, body),
      () => exchange.answer(500, JSON_TYPE, errorBody("InternalError", "the metrics could not be collected")),
    );
  }
}
