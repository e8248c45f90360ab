/**
 * The observed process as the page knows it: what it said last, what it did over time, what happened. Bounded, and begun
 * anew when another process answers.
 */

import type { Hello, LiveState, Told } from "@evertoken/telemetry/live";
import { History } from "./history.js";

/** What happened before is in the process's own log. */
const KEPT_EVENTS = 300;

export interface Process {
  readonly run: string;
  readonly subject: Hello["subject"];
  readonly host: string;
  readonly version: string;
  readonly tickMs: number;
}

export class Observed {
  process: Process | undefined;
  state: LiveState | undefined;
  /** One for each lane, in the order of `state.lanes`. */
  histories: readonly History[] = [];
  /** Oldest first; another array whenever something is added. */
  told: readonly Told[] = [];

  /** @returns whether it is another process than before. */
  begin({ run, subject, host, version, tickMs, state, samples, told }: Hello): boolean {
    const isOther = this.process !== undefined && this.process.run !== run;
    if (this.process?.run !== run || this.histories.length !== state.lanes.length) {
      this.histories = state.lanes.map(() => new History());
      this.told = [];
    }
    this.process = { run, subject, host, version, tickMs };
    this.state = state;
    for (const [index, history] of this.histories.entries()) {
      // What the page knows in more detail than the process sends it again stays.
      const known = history.lastAt ?? Number.NEGATIVE_INFINITY;
      for (const sample of samples[index] ?? []) if (sample.at > known) history.add(sample);
    }
    this.tell(told);
    return isOther;
  }

  tick({ state, samples }: { readonly state: LiveState; readonly samples: Hello["samples"][number] }): void {
    this.state = state;
    for (const [index, history] of this.histories.entries()) {
      const sample = samples[index];
      if (sample !== undefined) history.add(sample);
    }
  }

  tell(told: readonly Told[]): void {
    const last = this.told.at(-1)?.id ?? Number.NEGATIVE_INFINITY;
    const news = told.filter(({ id }) => id > last);
    if (news.length > 0) this.told = [...this.told, ...news].slice(-KEPT_EVENTS);
  }

  /** How much of its time there is to show. */
  get elapsedMs(): number {
    const first = Math.min(...this.histories.map(({ firstAt }) => firstAt ?? Number.POSITIVE_INFINITY));
    return this.state === undefined || !Number.isFinite(first) ? 0 : Math.max(0, this.state.now - first);
  }
}
