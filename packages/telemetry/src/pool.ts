/** The figures of a pool: read from its stats when metrics are collected, counted from its events. */

import type { PoolRequest } from "@evertoken/pool";
import type { Instrumentation, RequestDurations } from "./instruments.js";
import { FewNames, isAboutClock, OTHER, replayReason } from "./labels.js";
import type { AnyPool } from "./observable.js";

/** @returns the way to stop. */
export function measurePool(pool: AnyPool, { meters, spans, name }: Instrumentation): () => void {
  const { ejections, replays, staleAnswers } = meters.instruments;
  const requests = new RequestSeries(name, meters.requestDurations, (service) => {
    // So that the first one is a rise from zero, not a series that begins at one.
    for (const outcome of ["replayed", "surfaced"]) staleAnswers.add(0, { pool: name, service, outcome });
  });
  const stops = [
    pool.on("request", (request) => requests.of(request).record(request.durationMs / 1000)),
    pool.on("replayed", ({ service, reason }) => {
      const known = requests.service(service);
      replays.add(1, { pool: name, service: known, reason: replayReason(reason) });
      if (!isAboutClock(reason)) staleAnswers.add(1, { pool: name, service: known, outcome: "replayed" });
    }),
    pool.on("surfaced", ({ service }) => {
      staleAnswers.add(1, { pool: name, service: requests.service(service), outcome: "surfaced" });
    }),
    pool.on("replayEnded", (replay) => spans.replay(replay, name)),
    pool.on("ejected", ({ reason }) => ejections.add(1, { pool: name, reason })),
    meters.readGauges(["members", "membersLimit", "inFlight", "queued"], (tell) => {
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
  };
}

type Series = ReturnType<RequestDurations["series"]>;

/** What a request says of itself, and where its duration goes. */
interface Known {
  readonly service: string | undefined;
  readonly lane: string;
  readonly hasFailed: boolean;
  readonly series: Series;
}

/**
 * Where durations go, by what requests say of themselves. Found without making anything: a key put together of their names would
 * cost more than everything else that is done for a request. Names are the same strings each time, so comparing them costs nothing.
 */
class RequestSeries {
  readonly #pool: string;
  readonly #durations: RequestDurations;
  readonly #isNew: (service: string) => void;
  readonly #services = new FewNames(20);
  readonly #operations = new FewNames(100);
  readonly #lanes = new FewNames(5);
  readonly #seen = new Set<string>();
  readonly #byOperation = new Map<string, Known[]>();

  /** @param isNew is told of each service when it is first met. */
  constructor(pool: string, durations: RequestDurations, isNew: (service: string) => void) {
    this.#pool = pool;
    this.#durations = durations;
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

  of(request: PoolRequest): Series {
    const { service, operation, lane, error } = request;
    const hasFailed = error !== undefined;
    for (const known of this.#byOperation.get(operation) ?? []) {
      if (known.service === service && known.lane === lane && known.hasFailed === hasFailed) return known.series;
    }
    return this.#met(request, hasFailed);
  }

  #met({ service, operation, lane }: PoolRequest, hasFailed: boolean): Series {
    const labels = Object.freeze({
      pool: this.#pool,
      service: this.service(service ?? "none"),
      operation: this.#operations.label(operation),
      lane: this.#lanes.label(lane),
      outcome: hasFailed ? "failed" : "ok",
    });
    const series = this.#durations.series(labels);
    // Names beyond those that are told apart may be many.
    if (!Object.values(labels).includes(OTHER)) {
      const known = this.#byOperation.get(operation) ?? [];
      known.push({ service, lane, hasFailed, series });
      this.#byOperation.set(operation, known);
    }
    return series;
  }
}
