/** Which hosts of a fleet are shown, and in which order: the one that needs somebody first is the first. */

import type { Severity } from "../words/survival.js";
import { type Host, type HostJudgement, judgeHost } from "./hosts.js";

export interface Ranked {
  readonly host: Host;
  readonly judgement: HostJudgement;
}

export const ORDERS = ["urgency", "survival", "host", "answered", "failed", "replayed", "surfaced"] as const;
export type Order = (typeof ORDERS)[number];

export type Trouble = "all" | "error" | "warning" | "good";

/** Silence is worse than any figure. */
const survival = ({ isSilent, survivalMs }: Host) =>
  isSilent ? Number.NEGATIVE_INFINITY : (survivalMs ?? Number.NEGATIVE_INFINITY);

const URGENCY: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2, good: 3 };

/** Making one for each comparison takes longer than all the rest. */
const NAMES = new Intl.Collator("en", { numeric: true });

const COMPARE: Readonly<Record<Exclude<Order, "urgency">, (a: Host, b: Host) => number>> = {
  survival: (a, b) => compare(survival(a), survival(b)),
  host: (a, b) => NAMES.compare(a.instance, b.instance),
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
  const by = (a: Ranked, b: Ranked) =>
    order === "urgency"
      ? URGENCY[a.judgement.severity] - URGENCY[b.judgement.severity]
      : COMPARE[order](a.host, b.host);
  return hosts
    .map((host) => ({ host, judgement: judgeHost(host, now) }))
    .sort((a, b) => by(a, b) || COMPARE.survival(a.host, b.host) || COMPARE.host(a.host, b.host));
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
