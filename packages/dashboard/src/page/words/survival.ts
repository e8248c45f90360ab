/**
 * What the one big figure means: how bad it is, and in a sentence what follows from it. The bounds are those of the alerts
 * in `deploy/prometheus/evertoken.rules.yaml`, so that the page and whoever wakes people up never disagree.
 */

import type { LiveKeeper, LiveLane } from "@evertoken/telemetry/live";
import { instant, type Zone } from "./instants.js";
import { spokenLength } from "./lengths.js";

export type Severity = "good" | "note" | "warning" | "error";

const MINUTE = 60_000;
/** Every credential that lives longer is refreshed earlier. */
export const CRITICAL_MS = 4 * MINUTE;
export const LOW_MS = 60 * MINUTE;
/** Credentials that never live for longer are not low for it. */
export const SHORT_LIFE_MS = 90 * MINUTE;

export interface Judgement {
  readonly severity: Severity;
  /** One or two words: `Safe`, `Low`. */
  readonly verdict: string;
  readonly meaning: string;
}

/** The Keeper whose end comes first is the one that the figure is about. */
export function decisiveKeeper({ keepers }: LiveLane): LiveKeeper | undefined {
  const end = (keeper: LiveKeeper) => keeper.generations.at(-1)?.expiresAt ?? Number.POSITIVE_INFINITY;
  const rank = (keeper: LiveKeeper) =>
    keeper.state === "rejected" || keeper.state === "empty" ? Number.NEGATIVE_INFINITY : end(keeper);
  return [...keepers].sort((a, b) => rank(a) - rank(b))[0];
}

function isFailing(keeper: LiveKeeper | undefined): boolean {
  return keeper?.lastRefresh?.outcome === "failed";
}

export function judge(lane: LiveLane, now: number, zone: Zone): Judgement {
  const keeper = decisiveKeeper(lane);
  if (keeper === undefined && lane.survivalMs === undefined) {
    return { severity: "note", verdict: "Not told", meaning: "Nobody keeps credentials here, so nobody can tell." };
  }
  if (keeper?.state === "empty") {
    return isFailing(keeper)
      ? { severity: "error", verdict: "No credentials", meaning: `${keeper.source} has given none yet. Requests fail.` }
      : { severity: "note", verdict: "Nothing yet", meaning: "Nobody has asked for credentials so far." };
  }
  if (lane.survivalMs === undefined) {
    const meaning = "These credentials never end: no outage of their source can end them.";
    return { severity: "good", verdict: "Endless", meaning };
  }
  return judgeEnd(lane.survivalMs, keeper, now, zone);
}

function judgeEnd(survivalMs: number, keeper: LiveKeeper | undefined, now: number, zone: Zone): Judgement {
  const source = keeper === undefined ? "the source" : nameOf(keeper.source);
  if (survivalMs <= 0) {
    const why =
      keeper?.state === "rejected" ? "The service refuses the credentials held" : "The credentials held have ended";
    return { severity: "error", verdict: "Failing", meaning: `${why}, and ${source} gives no others. Requests fail.` };
  }
  const length = spokenLength(survivalMs);
  const until = instant(now + survivalMs, now, zone);
  const failing = isFailing(keeper);
  const meaning = failing
    ? `${upperFirst(source)} gives no answer. Requests go on until ${until} with what is held, and fail then.`
    : `If ${source} went away now, requests would go on for ${length}, until ${until}.`;
  if (survivalMs < CRITICAL_MS) return { severity: "error", verdict: "Critical", meaning };
  const held = keeper?.generations.at(-1);
  const lifetime = held?.expiresAt === undefined ? Number.POSITIVE_INFINITY : held.expiresAt - held.takenAt;
  if (survivalMs < LOW_MS && lifetime > SHORT_LIFE_MS) return { severity: "warning", verdict: "Low", meaning };
  return failing
    ? { severity: "warning", verdict: "Source away", meaning }
    : { severity: "good", verdict: "Safe", meaning };
}

/** `IMDS at http://169.254.169.254` is `IMDS` within a sentence. */
function nameOf(source: string): string {
  return source.split(" at ")[0] ?? source;
}

function upperFirst(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
