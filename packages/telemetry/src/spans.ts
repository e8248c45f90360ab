/**
 * Spans for refreshes and replays. They are told of when they have ended, still in the context of whoever they were made for,
 * so they are put into its trace with their beginning in the past. A refresh that nobody waits for begins a trace of its own.
 */

import { describeError, systemClock } from "@evertoken/core";
import type { Refresh } from "@evertoken/credentials";
import type { PoolEvents } from "@evertoken/pool";
import { type Attributes, SpanStatusCode, type Tracer, type TracerProvider } from "@opentelemetry/api";
import { VERSION } from "./version.js";

export class Spans {
  readonly #tracer: Tracer;

  constructor(provider: Pick<TracerProvider, "getTracer">) {
    this.#tracer = provider.getTracer("@evertoken/telemetry", VERSION);
  }

  refresh({ durationMs, outcome, trigger, error }: Refresh, keeper: string): void {
    const attributes = {
      "evertoken.keeper": keeper,
      "evertoken.refresh.outcome": outcome,
      "evertoken.refresh.trigger": trigger,
    };
    this.#add("evertoken.refresh", durationMs, attributes, error);
  }

  replay({ durationMs, service, command, reason, error }: PoolEvents["replayEnded"], pool: string): void {
    const attributes = {
      "evertoken.pool": pool,
      "evertoken.replay.reason": reason,
      "rpc.service": service,
      "rpc.method": command.replace(/Command$/, ""),
    };
    this.#add("evertoken.replay", durationMs, attributes, error);
  }

  #add(name: string, durationMs: number, attributes: Attributes, error: unknown): void {
    const endedAt = systemClock.now();
    const span = this.#tracer.startSpan(name, { attributes, startTime: endedAt - durationMs });
    if (error !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: describeError(error) });
    span.end(endedAt);
  }
}
