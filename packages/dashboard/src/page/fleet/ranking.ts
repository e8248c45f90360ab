/** Which hosts of a fleet are shown, and in which order: the one that needs somebody first is the first. */

import type { Severity } from "../words/survival.js";
import { type Host, type HostJudgement, judgeHost } from "./hosts.js";

export interface Ranked {
  readonly host: Host;
  readonly judgement: HostJudgement;
}

export const ORDERS = ["survival", "host", "answered", "failed", "replayed", "surfaced"] as const;
export type Order = (typeof ORDERS)[number];

export type Trouble = "all" | "error" | "warning" | "good";

/** Silence is worse than any figure. */
const survival = ({ isSilent, survivalMs }: Host) =>
  isSilent ? Number.NEGATIVE_INFINITY : (survivalMs ?? Number.NEGATIVE_INFINITY);

const COMPARE: Readonly<Record<Order, (a: Host, b: Host) => number>> = {
  survival: (a, b) => compare(survival(a), survival(b)),
  host: (a, b) => a.instance.localeCompare(b.instance, "en", { numeric: true }),
  answered: (a, b) => compare(a.answeredAt ?? 0, b.answeredAt ?? 0),
  failed: (a, b) => compare(b.failedRefreshes, a.failedRefreshes),
  replayed: (a, b) => compare(b.replayed, a.replayed),
  surfaced: (a, b) => compare(b.surfaced, a.surfaced),
};

/** Two infinities are equal, which a difference would not say. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

export function rank(hosts: readonly Host[], now: number, order: Order): Ranked[] {
  return hosts
    .toSorted((a, b) => COMPARE[order](a, b) || COMPARE.survival(a, b) || COMPARE.host(a, b))
    .map((host) => ({ host, judgement: judgeHost(host, now) }));
}

/** @param text all of its words must occur in the host's names, state or verdict. */
export function matching(ranked: readonly Ranked[], text: string): Ranked[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return ranked.filter(({ host: { instance, job, version, state = "" }, judgement: { verdict } }) => {
    const said = `${instance} ${job} ${version} ${state} ${verdict}`.toLowerCase();
    return words.every((word) => said.includes(word));
  });
}

export function ofTrouble(ranked: readonly Ranked[], trouble: Trouble): readonly Ranked[] {
  if (trouble === "all") return ranked;
  const isOf = (severity: Severity) =>
    trouble === "good" ? severity === "good" || severity === "note" : severity === trouble;
  return ranked.filter(({ judgement: { severity } }) => isOf(severity));
}
