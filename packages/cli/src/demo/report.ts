/** What a demo comes to: the JSON report, the closing table, and the verdict. */

import { rename, rm, writeFile } from "node:fs/promises";
import type { FaultPeriod } from "@evertoken/simulator";
import type { LaneName, LaneResult } from "./lane-protocol.js";

export interface LaneReport {
  readonly requests: number;
  readonly failed: number;
  readonly expiredTokenSurfaced: number;
  readonly replayed: number;
  /** Requests that took the fast lane of `@evertoken/s3`. */
  readonly sentFast: number;
  readonly imdsRequests: number;
  readonly objectsWritten: number;
  readonly objectsLost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface DemoReport {
  readonly seed: number;
  readonly hours: number;
  readonly clients: number;
  /** Whether the evertoken lane's requests could take the fast lane of `@evertoken/s3`. */
  readonly fastLane: boolean;
  readonly timeline: readonly FaultPeriod[];
  readonly lanes: Readonly<Record<LaneName, LaneReport>>;
}

export function laneReport(result: LaneResult, imdsRequests: number): LaneReport {
  const { requests, failed, expiredTokenSurfaced, replayed, sentFast, objectsWritten, objectsLost, p50Ms, p99Ms } =
    result;
  return {
    requests,
    failed,
    expiredTokenSurfaced,
    replayed,
    sentFast,
    imdsRequests,
    objectsWritten,
    objectsLost,
    p50Ms,
    p99Ms,
  };
}

/** Whether the lane did what Evertoken promises: nothing surfaced, nothing failed, nothing lost. */
export function isUnharmed({ requests, failed, expiredTokenSurfaced, objectsLost }: LaneReport): boolean {
  return requests > 0 && failed === 0 && expiredTokenSurfaced === 0 && objectsLost === 0;
}

/** Writes a file whole or not at all: a reader never finds half of it. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(unfinished, text, { flag: "wx" });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** The closing table and what it means, for somebody who sees it for the first time. */
export function summary(report: DemoReport, sdkVersion: string, seconds: number): string {
  const { evertoken, stock } = report.lanes;
  const whole = (count: number) => count.toLocaleString("en-US");
  const perHour = (count: number) => `${whole(count)} (${(count / report.hours).toFixed(1)}/h)`;
  const rows: [string, (lane: LaneReport) => string][] = [
    ["requests", (lane) => whole(lane.requests)],
    ["failed", (lane) => whole(lane.failed)],
    ["  of these: expired token", (lane) => whole(lane.expiredTokenSurfaced)],
    ["replayed unseen by the caller", (lane) => whole(lane.replayed)],
    ["objects written", (lane) => whole(lane.objectsWritten)],
    ["objects lost", (lane) => whole(lane.objectsLost)],
    ["IMDS requests", (lane) => perHour(lane.imdsRequests)],
    ["latency p50 / p99", (lane) => `${lane.p50Ms.toFixed(1)} / ${lane.p99Ms.toFixed(1)} ms`],
  ];
  const line = (label: string, ours: string, theirs: string) =>
    `  ${label.padEnd(31)}${ours.padStart(18)}${theirs.padStart(26)}`;
  const verdict = isUnharmed(evertoken)
    ? `Through all of it, ${whole(report.clients)} pooled clients surfaced no expired token, failed no request and lost no object.`
    : "The evertoken lane was harmed: that is a bug, please report it with this seed.";
  return [
    `${report.hours} simulated hours, ${whole(report.clients)} clients in each lane, seed ${report.seed} (${seconds.toFixed(0)} s)`,
    "",
    line("", "evertoken", `stock SDK ${sdkVersion}`),
    ...rows.map(([label, show]) => line(label, show(evertoken), show(stock))),
    "",
    verdict,
    stock.failed > 0
      ? `The stock SDK failed ${whole(stock.failed)} of ${whole(stock.requests)} requests on the same day.`
      : "The stock SDK came through this time; a longer day or another seed shows where it does not.",
  ].join("\n");
}
