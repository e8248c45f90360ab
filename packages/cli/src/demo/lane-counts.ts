/** Counts a lane's requests: how many, how they ended, how long they took. */

import type { LaneRecorder } from "@evertoken/telemetry/live";
import type { LaneCounts, LaneResult } from "./lane-protocol.js";

/** Answers that mean stale credentials: what must never reach a caller. */
const STALE = /^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired|InvalidToken|RequestExpired)$/;

/** Different messages kept; a lane that fails in a hundred ways has one cause, and the first few show it. */
const MAX_MESSAGES = 8;

export class LaneTally {
  #requests = 0;
  #failed = 0;
  #surfaced = 0;
  readonly #durations: number[] = [];
  readonly #messages = new Map<string, number>();
  readonly #recorder: Pick<LaneRecorder, "noteRequest" | "noteSurfaced"> | undefined;

  /** @param recorder is told of each request, for clients that do not tell it themselves. */
  constructor(recorder?: Pick<LaneRecorder, "noteRequest" | "noteSurfaced">) {
    this.#recorder = recorder;
  }

  /** Runs one request and counts it. @returns what it gave, or undefined when it failed. */
  async request<T>(monotonic: () => number, send: () => Promise<T>): Promise<T | undefined> {
    const startedAt = monotonic();
    this.#requests += 1;
    let failure: { readonly error?: unknown } = {};
    try {
      return await send();
    } catch (error) {
      failure = { error };
      this.#fail(error);
      return undefined;
    } finally {
      const durationMs = monotonic() - startedAt;
      this.#durations.push(durationMs);
      this.#recorder?.noteRequest({ durationMs, ...failure });
    }
  }

  counts(replayed: number): LaneCounts {
    return { requests: this.#requests, failed: this.#failed, expiredTokenSurfaced: this.#surfaced, replayed };
  }

  latencies(): Pick<LaneResult, "p50Ms" | "p99Ms"> {
    const sorted = this.#durations.toSorted((a, b) => a - b);
    const quantile = (q: number) => Math.round((sorted[Math.ceil(q * sorted.length) - 1] ?? 0) * 100) / 100;
    return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
  }

  errors(): LaneResult["errors"] {
    return [...this.#messages].map(([message, times]) => ({ message, times })).sort((a, b) => b.times - a.times);
  }

  #fail(error: unknown): void {
    this.#failed += 1;
    if (causes(error).some(({ name }) => STALE.test(name))) {
      this.#surfaced += 1;
      this.#recorder?.noteSurfaced();
    }
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const said = `${name}: ${message}`;
    if (this.#messages.has(said) || this.#messages.size < MAX_MESSAGES) {
      this.#messages.set(said, (this.#messages.get(said) ?? 0) + 1);
    }
  }
}

/** An error and what brought it about. */
function causes(error: unknown): Error[] {
  return error instanceof Error ? [error, ...causes(error.cause)] : [];
}
