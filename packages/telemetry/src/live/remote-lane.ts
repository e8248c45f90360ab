/** A lane that is recorded in another process: its reports come when they come, the page's ticks at their own pace. */

import type { LaneReport } from "./lane-recorder.js";
import { joined } from "./samples.js";
import type { LiveLane, Sample } from "./state.js";
import { defined } from "./words.js";

export class RemoteLane {
  #lane: LiveLane;
  #pending: LaneReport | undefined;

  constructor(name: string) {
    const none = { requests: 0, failures: 0, replays: 0, surfaced: 0, refreshes: 0, refreshFailures: 0 };
    this.#lane = {
      name,
      keepers: [],
      pools: [],
      totals: { ...none, rotations: 0, rejections: 0, ejections: 0, imdsAnswers: {} },
    };
  }

  receive(report: LaneReport): void {
    const before = this.#pending;
    this.#pending =
      before === undefined
        ? report
        : { lane: report.lane, sample: joined(before.sample, report.sample), news: [...before.news, ...report.news] };
  }

  /** The lane as it was last heard of, and what it told since the last call. */
  take(now: number): LaneReport {
    const report = this.#pending ?? { lane: this.#lane, sample: this.#quiet(now), news: [] };
    this.#lane = report.lane;
    this.#pending = undefined;
    return report;
  }

  #quiet(at: number): Sample {
    const { survivalMs } = this.#lane;
    const none = { requests: 0, failures: 0, replays: 0, surfaced: 0, refreshes: 0, refreshFailures: 0 };
    return defined({ at, survivalMs, ...none, imdsAnswers: {} });
  }
}
