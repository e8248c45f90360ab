/** What a page shows of this agent: its Keepers and what it asked of IMDS; an answer with credentials counts as a request. */

import { hostname } from "node:os";
import type { Clock, LocalPage } from "@evertoken/core";
import { LaneRecorder, type LiveFeed, LiveRecord } from "@evertoken/telemetry/live";

/** Makes a page of what there is to show. */
export type MakePage = (live: LiveFeed) => LocalPage;

export class Watched {
  readonly lane: LaneRecorder;
  readonly page: LocalPage;
  readonly #live: LiveRecord;

  constructor(makePage: MakePage, clock: Clock) {
    this.lane = new LaneRecorder({ name: "agent", clock });
    this.#live = new LiveRecord({ subject: "agent", host: hostname(), clock });
    this.page = makePage(this.#live);
  }

  start(): void {
    this.#live.start(() => [this.lane.take()]);
  }

  close(): void {
    this.page.close();
    this.#live.close();
    this.lane.close();
  }
}
