/**
 * What there is to tell of one Keeper, in sentences. An outage of its source is told when it begins, when it begins to matter, and
 * when it is over; a source that fails now and then is told of every ten minutes at most.
 */

import type { KeeperStatus, Refresh } from "@evertoken/credentials";
import { survivalMs } from "../survival.js";
import type { Told } from "./state.js";
import { counted, reasonOf, spoken } from "./words.js";

export type News = Omit<Told, "id" | "lane">;

const PAUSE_MS = 10 * 60_000;

/** With less time left than this an outage is told of once more, each once. */
const THRESHOLDS: readonly { readonly ms: number; readonly severity: Told["severity"] }[] = [
  { ms: 60 * 60_000, severity: "warning" },
  { ms: 10 * 60_000, severity: "error" },
  { ms: 0, severity: "error" },
];

interface Outage {
  readonly since: number;
  failures: number;
  /** How much time was left when it was last told of; undefined while it was not. */
  leftWhenTold: number | undefined;
}

export class KeeperNews {
  #outage: Outage | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;

  refreshed({ at, outcome, error }: Refresh, status: KeeperStatus): News | undefined {
    if (outcome !== "failed") return this.#answered(at, status);
    this.#outage ??= { since: at, failures: 0, leftWhenTold: undefined };
    const outage = this.#outage;
    outage.failures += 1;
    const isSoon = at - this.#toldAt < PAUSE_MS && at >= this.#toldAt;
    if (outage.leftWhenTold !== undefined || isSoon) return undefined;
    this.#toldAt = at;
    const left = survivalMs(status) ?? 0;
    outage.leftWhenTold = left;
    const forMs = at - outage.since;
    const silent = forMs < 60_000 ? "gave no credentials" : `has given no credentials for ${spoken(forMs)}`;
    return {
      at,
      kind: "refresh-failed",
      severity: left < PAUSE_MS ? "error" : "warning",
      text: `${status.source} ${silent}; ${goingOn(status, left)}. Reason: ${reasonOf(error)}`,
    };
  }

  /** Whether an outage that was told of has come to where it matters. */
  look(now: number, status: KeeperStatus): News | undefined {
    const outage = this.#outage;
    const before = outage?.leftWhenTold;
    const left = survivalMs(status);
    if (outage === undefined || before === undefined || left === undefined) return undefined;
    const crossed = THRESHOLDS.findLast(({ ms }) => before > ms && left <= ms);
    if (crossed === undefined) return undefined;
    outage.leftWhenTold = left;
    const forMs = spoken(now - outage.since);
    const text =
      crossed.ms === 0
        ? `The credentials held are of no use any more, and ${status.source} has given no others for ${forMs}: requests fail until it does.`
        : `Less than ${spoken(crossed.ms)} left: ${status.source} has given no credentials for ${forMs}.`;
    return { at: now, kind: "state", severity: crossed.severity, text };
  }

  #answered(at: number, { source }: KeeperStatus): News | undefined {
    const outage = this.#outage;
    this.#outage = undefined;
    if (outage?.leftWhenTold === undefined) return undefined;
    const failed = counted(outage.failures, "attempt");
    return {
      at,
      kind: "refresh-recovered",
      severity: "good",
      text: `${source} answers again after ${spoken(at - outage.since)}; ${failed} had failed.`,
    };
  }
}

function goingOn({ state, accessKeyId }: KeeperStatus, left: number): string {
  if (accessKeyId === undefined) return "there are none yet, so requests wait";
  if (state === "rejected") return "those held were refused by a service, so requests wait";
  if (!Number.isFinite(left)) return "requests go on with credentials that do not end";
  if (left === 0) return "those held have ended";
  return `requests go on with credentials that last ${spoken(left)}`;
}
