/** What is measured, of whom, and what is asked of the fast lane. */

import type { LaneName } from "./lanes.js";

export const SMALL = 4 * 1024;
const LARGE = 1024 * 1024;

/** Figures of one run. */
export interface Figures {
  readonly perSecond: number;
  /** CPU time of the whole process, user and system, in microseconds. */
  readonly cpuUsPerOperation: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loopDelayP99Ms: number;
  /** What the process holds when the lane is loaded and the bodies are there, before the first request. */
  readonly startRssMB: number;
  readonly peakRssMB: number;
}

/** A ratio of medians that the fast lane, or whichever lane is named, must reach. */
export interface Goal {
  readonly lane: LaneName;
  readonly against: LaneName;
  readonly figure: keyof Figures;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  readonly operation: "put" | "get";
  readonly size: number;
  readonly inFlight: number;
  readonly scheme: "http" | "https";
  readonly lanes: readonly LaneName[];
  readonly goals: readonly Goal[];
}

const faster = (against: LaneName, atLeast: number, lane: LaneName = "fast"): Goal => ({
  lane,
  against,
  figure: "perSecond",
  atLeast,
});

export const CASES: readonly Case[] = [
  {
    name: "put",
    title: "PUT 4 KiB, 32 in flight",
    operation: "put",
    size: SMALL,
    inFlight: 32,
    scheme: "http",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [faster("stock", 8), faster("undici", 0.6), faster("stock", 1.15, "sdk")],
  },
  {
    name: "get",
    title: "GET 4 KiB, 32 in flight",
    operation: "get",
    size: SMALL,
    inFlight: 32,
    scheme: "http",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [faster("stock", 5), faster("undici", 0.55)],
  },
  {
    name: "put-1",
    title: "PUT 4 KiB, 1 in flight",
    operation: "put",
    size: SMALL,
    inFlight: 1,
    scheme: "http",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [{ lane: "fast", against: "stock", figure: "p50Ms", atMost: 0.5 }],
  },
  {
    name: "put-large",
    title: "PUT 1 MiB, 16 in flight, HTTP",
    operation: "put",
    size: LARGE,
    inFlight: 16,
    scheme: "http",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [faster("stock", 1.6)],
  },
  {
    name: "put-large-https",
    title: "PUT 1 MiB, 16 in flight, HTTPS",
    operation: "put",
    size: LARGE,
    inFlight: 16,
    scheme: "https",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [faster("stock", 1.3)],
  },
  {
    name: "memory",
    title: "PUT 1 MiB, 32 in flight",
    operation: "put",
    size: LARGE,
    inFlight: 32,
    scheme: "http",
    lanes: ["stock", "sdk", "fast", "undici"],
    goals: [{ lane: "fast", against: "stock", figure: "peakRssMB", atMost: 0.7 }],
  },
];
