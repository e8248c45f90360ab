/** The figures of a pool: read from its stats when metrics are collected, counted from its events. */

import type { PoolRequest } from "@evertoken/pool";
import type { Attributes } from "@opentelemetry/api";
import { Batch } from "./batch.js";
import type { Instrumentation } from "./instruments.js";
import { FewNames, isAboutClock, replayReason } from "./labels.js";
import type { AnyPool } from "./observable.js";

/** @returns the way to stop. */
export function measurePool(pool: AnyPool, { meters, spans, name }: Instrumentation): () => void {
  const { ejections, replays, staleAnswers, requestDuration } = meters.instruments;
  const labels = new RequestLabels(name, (service) => {
    // So that the first one is a rise from zero, not a series that begins at one.
    for (const outcome of ["replayed", "surfaced"]) staleAnswers.add(0, { pool: name, service, outcome });
  });
  const durations = new Batch((seconds, of) => requestDuration.record(seconds, of));
  const record = (seconds: number, of: Attributes) =>
    meters.keepsRequestDurations ? requestDuration.record(seconds, of) : durations.add(seconds, of);
  const stops = [
    pool.on("request", (request) => record(request.durationMs / 1000, labels.of(request))),
    pool.on("replayed", ({ service, reason }) => {
      const known = labels.service(service);
      replays.add(1, { pool: name, service: known, reason: replayReason(reason) });
      if (!isAboutClock(reason)) staleAnswers.add(1, { pool: name, service: known, outcome: "replayed" });
    }),
    pool.on("surfaced", ({ service }) => {
      staleAnswers.add(1, { pool: name, service: labels.service(service), outcome: "surfaced" });
    }),
    pool.on("replayEnded", (replay) => spans.replay(replay, name)),
    pool.on("ejected", ({ reason }) => ejections.add(1, { pool: name, reason })),
    meters.readGauges(["members", "membersLimit", "inFlight", "queued"], (tell) => {
      // Gauges are read first, so what is recorded here is still part of the same collection.
      durations.record();
      const { size, leaving, inFlight, queued, members } = pool.stats();
      const ejected = members.filter(({ isEjected }) => isEjected).length;
      tell("members", members.length - ejected, { pool: name, state: "ready" });
      tell("members", ejected, { pool: name, state: "ejected" });
      tell("members", leaving, { pool: name, state: "leaving" });
      tell("membersLimit", size, { pool: name });
      tell("inFlight", inFlight, { pool: name });
      tell("queued", queued, { pool: name });
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    durations.record();
  };
}

/** The labels of requests: the same objects again and again, because there is no cheaper way to have them. */
class RequestLabels {
  readonly #pool: string;
  readonly #isNew: (service: string) => void;
  readonly #services = new FewNames(20);
  readonly #operations = new FewNames(100);
  readonly #lanes = new FewNames(5);
  readonly #seen = new Set<string>();
  readonly #made = new Map<string, Attributes>();

  /** @param isNew is told of each service when it is first met. */
  constructor(pool: string, isNew: (service: string) => void) {
    this.#pool = pool;
    this.#isNew = isNew;
  }

  service(name: string): string {
    const service = this.#services.label(name);
    if (!this.#seen.has(service)) {
      this.#seen.add(service);
      this.#isNew(service);
    }
    return service;
  }

  of({ service = "none", operation, lane, error }: PoolRequest): Attributes {
    const outcome = error === undefined ? "ok" : "failed";
    const key = `${service} ${operation} ${lane} ${outcome}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const labels = Object.freeze({
      pool: this.#pool,
      service: this.service(service),
      operation: this.#operations.label(operation),
      lane: this.#lanes.label(lane),
      outcome,
    });
    if (!Object.values(labels).includes("other")) this.#made.set(key, labels);
    return labels;
  }
}
