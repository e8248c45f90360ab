/** What the demo and its lanes, each a process of its own, say to each other. */

import type { ClockReading } from "@evertoken/core";
import type { LaneReport } from "@evertoken/telemetry/live";

export type LaneName = "evertoken" | "stock";

export interface LaneTask {
  readonly lane: LaneName;
  readonly clients: number;
  readonly seed: number;
  readonly region: string;
  readonly s3Url: string;
  /** Whether a pool's requests may take the fast lane of `@evertoken/s3`. */
  readonly fastLane: boolean;
  /** Whether the lane is recorded for a page. */
  readonly recorded: boolean;
  readonly clock: ClockReading;
}

export interface LaneCounts {
  readonly requests: number;
  readonly failed: number;
  /** Of the failed: those that ended with an answer that means stale credentials. */
  readonly expiredTokenSurfaced: number;
  readonly replayed: number;
}

export interface LaneResult extends LaneCounts {
  readonly objectsWritten: number;
  /** Objects whose write was acknowledged and that could not be read back as they were written. */
  readonly objectsLost: number;
  /** Requests that took the fast lane of `@evertoken/s3`. */
  readonly sentFast: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The first few different errors, for whoever wonders what failed: message and how often. */
  readonly errors: readonly { readonly message: string; readonly times: number }[];
}

/** From the demo to a lane. */
export type ToLane =
  | { readonly say: "prepare"; readonly task: LaneTask }
  /** The day begins; the clock runs from now on. */
  | { readonly say: "run"; readonly clock: ClockReading; readonly untilEpochMs: number };

/** From a lane to the demo. */
export type FromLane =
  | { readonly say: "prepared" }
  | { readonly say: "progress"; readonly counts: LaneCounts; readonly report?: LaneReport }
  /** The day is over; what was written is being read back. */
  | { readonly say: "checking" }
  | { readonly say: "finished"; readonly result: LaneResult };
