/** The hosts of a fleet, each in one line, and how bad it is: from the newest value of a handful of metrics. */

import { spokenLength } from "../words/lengths.js";
import { CRITICAL_MS, LOW_MS, type Severity, SHORT_LIFE_MS } from "../words/survival.js";
import { type Labels, query, selector, type Value } from "./prometheus.js";

export interface Host {
  readonly job: string;
  readonly instance: string;
  readonly version: string;
  /** It reported within the last day, and does not now. */
  readonly isSilent: boolean;
  /** Of the Keeper that ends first; infinite for credentials that never do. */
  readonly survivalMs: number | undefined;
  /** How long its credentials live. */
  readonly lifetimeMs: number | undefined;
  /** The worst of its Keepers'. */
  readonly state: string | undefined;
  /** Epoch milliseconds. */
  readonly answeredAt: number | undefined;
  /** In the last quarter of an hour. */
  readonly failedRefreshes: number;
  /** In the last hour. */
  readonly replayed: number;
  readonly surfaced: number;
}

const BY_HOST = "by (job, instance)";

/** @param of matchers in braces, or none for all hosts. */
const questions = (of: string) => ({
  known: `max by (job, instance, version) (last_over_time(evertoken_build_info${of}[1d]))`,
  present: `max ${BY_HOST} (evertoken_build_info${of})`,
  // Where there is no scraping, nobody knows `up`.
  down: `max ${BY_HOST} (up${of}) == 0`,
  survival: `min ${BY_HOST} (evertoken_outage_survival_seconds${of})`,
  lifetime: `max ${BY_HOST} (evertoken_credentials_expiration_timestamp_seconds${of} - evertoken_credentials_received_timestamp_seconds${of})`,
  states: `max by (job, instance, state) (evertoken_keeper_state${of}) == 1`,
  answered: `min ${BY_HOST} (evertoken_refresh_last_success_timestamp_seconds${of})`,
  failed: `sum ${BY_HOST} (increase(evertoken_refreshes_total${matching(of, 'outcome="failed"')}[15m]))`,
  stale: `sum by (job, instance, outcome) (increase(evertoken_pool_stale_answers_total${of}[1h]))`,
});

function matching(of: string, matcher: string): string {
  return of === "" ? `{${matcher}}` : `${of.slice(0, -1)},${matcher}}`;
}

const WORST_FIRST = ["rejected", "expired", "empty", "mandatory", "advisory", "fresh"];

type Answers = Readonly<Record<keyof ReturnType<typeof questions>, readonly Value[]>>;

/** @param of one host only. */
export async function askHosts(signal: AbortSignal, of?: Labels): Promise<Host[]> {
  const asked = Object.entries(questions(of === undefined ? "" : selector(of))).map(async ([name, question]) => [
    name,
    await query(question, signal),
  ]);
  return hostsIn(Object.fromEntries(await Promise.all(asked)) as Answers);
}

function hostsIn(answers: Answers): Host[] {
  const figureOf = (values: readonly Value[]) => {
    const byHost = new Map(values.map(({ labels, value }) => [keyOf(labels), value]));
    return (key: string) => byHost.get(key);
  };
  const scaled = (value: number | undefined) => (value === undefined ? undefined : value * 1000);
  const [survival, lifetime, answered] = [
    figureOf(answers.survival),
    figureOf(answers.lifetime),
    figureOf(answers.answered),
  ];
  const [present, down, failed] = [figureOf(answers.present), figureOf(answers.down), figureOf(answers.failed)];
  const stale = (outcome: string) => figureOf(answers.stale.filter(({ labels }) => labels.outcome === outcome));
  const [replayed, surfaced] = [stale("replayed"), stale("surfaced")];
  const states = statesByHost(answers.states);
  const known = new Map(answers.known.map(({ labels }) => [keyOf(labels), labels]));
  return [...known].map(([key, { job = "", instance = "", version = "" }]) => ({
    job,
    instance,
    version,
    isSilent: present(key) === undefined || down(key) !== undefined,
    survivalMs: scaled(survival(key)),
    lifetimeMs: scaled(lifetime(key)),
    state: WORST_FIRST.find((state) => states.get(key)?.has(state)),
    answeredAt: scaled(answered(key)),
    failedRefreshes: Math.round(failed(key) ?? 0),
    replayed: Math.round(replayed(key) ?? 0),
    surfaced: Math.round(surfaced(key) ?? 0),
  }));
}

function statesByHost(values: readonly Value[]): ReadonlyMap<string, ReadonlySet<string>> {
  const states = new Map<string, Set<string>>();
  for (const { labels } of values) {
    const key = keyOf(labels);
    const own = states.get(key) ?? new Set();
    states.set(key, own.add(labels.state ?? ""));
  }
  return states;
}

function keyOf({ job = "", instance = "" }: Labels): string {
  return JSON.stringify([job, instance]);
}

/** The source is asked every five minutes; after two of them in vain it is away. */
const AWAY_MS = 11 * 60_000;

export interface HostJudgement {
  readonly severity: Severity;
  readonly verdict: string;
  readonly meaning: string;
}

export function judgeHost(host: Host, now: number): HostJudgement {
  const { isSilent, survivalMs, lifetimeMs, state, surfaced, failedRefreshes, answeredAt } = host;
  if (isSilent) {
    const meaning = "It reported within the last day and does not now: the process is gone, or cannot be reached.";
    return { severity: "error", verdict: "Silent", meaning };
  }
  if (survivalMs === undefined) {
    return { severity: "note", verdict: "Nothing yet", meaning: "Nobody has asked for credentials so far." };
  }
  if (survivalMs <= 0) {
    const why = state === "rejected" ? "A service refuses what it holds" : "What it holds has ended";
    return {
      severity: "error",
      verdict: "Failing",
      meaning: `${why}, and the source gives nothing else. Requests fail.`,
    };
  }
  const meaning = Number.isFinite(survivalMs)
    ? `If the source went away now, requests would go on for ${spokenLength(survivalMs)}.`
    : "These credentials never end.";
  if (survivalMs < CRITICAL_MS) return { severity: "error", verdict: "Critical", meaning };
  if (surfaced > 0) {
    return { severity: "error", verdict: "Surfaced", meaning: "Expired tokens reached callers within the last hour." };
  }
  if (survivalMs < LOW_MS && (lifetimeMs ?? Number.POSITIVE_INFINITY) > SHORT_LIFE_MS)
    return { severity: "warning", verdict: "Low", meaning };
  if (failedRefreshes > 0 && now - (answeredAt ?? 0) > AWAY_MS) {
    const away = `Its source gives no answer. Requests go on for ${spokenLength(survivalMs)} with what is held.`;
    return { severity: "warning", verdict: "Source away", meaning: away };
  }
  return { severity: "good", verdict: Number.isFinite(survivalMs) ? "Safe" : "Endless", meaning };
}
