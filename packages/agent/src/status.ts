/** What an agent holds, since when, until when, and who asks how often: as a value, and in words. */

import { describeError } from "@evertoken/core";
import type { KeeperState } from "@evertoken/credentials";
import type { ClockStep } from "./clock-steps.js";
import { wholeSeconds } from "./documents.js";
import type { Issuer } from "./issuer.js";
import type { Trouble } from "./troubles.js";
import type { ClientUsage } from "./usage.js";
import { LEAST_REMAINING_MS } from "./validity.js";

/** All instants in epoch milliseconds. */
export interface HeldStatus {
  /** `default`, or the name of an assumed role. */
  readonly name: string;
  readonly path: string;
  readonly source: string;
  readonly state: KeeperState;
  /** Whether it is handed out now. */
  readonly served: boolean;
  readonly accessKeyId: string | undefined;
  readonly roleName: string | undefined;
  readonly accountId: string | undefined;
  /** How many rotations this agent has seen, the first included. */
  readonly generation: number;
  readonly heldSince: number | undefined;
  readonly expiresAt: number | undefined;
  /** Handed out until then, unless others come before. */
  readonly servedUntil: number | undefined;
  readonly secondsLeft: number;
  /** Since when the source gives no answer. */
  readonly failingSince: number | undefined;
  readonly lastAsked: { readonly at: number; readonly outcome: string; readonly error?: string } | undefined;
}

export interface AgentStatus {
  readonly pid: number;
  readonly now: number;
  readonly startedAt: number;
  readonly ready: boolean;
  readonly readySeconds: number;
  readonly container: string;
  readonly imds: string | undefined;
  readonly socket: string | undefined;
  readonly admin: string;
  readonly credentials: readonly HeldStatus[];
  /** Answers with credentials since the start. */
  readonly answers: number;
  readonly clients: readonly ClientUsage[];
  /** Refused requests by kind. */
  readonly refused: Readonly<Record<string, number>>;
  /** What the agent cannot do at the moment although it serves. */
  readonly troubles: readonly Trouble[];
  /** When this host's clock was set last, while the agent ran. */
  readonly lastClockStep: ClockStep | undefined;
}

export function heldStatus(issuer: Issuer, path: string): HeldStatus {
  const { state, source, accessKeyId, roleName, accountId, generation, receivedAt, expiresAt, lastRefresh } =
    issuer.status();
  const { failingSince } = issuer;
  return {
    name: issuer.name,
    path,
    source,
    state,
    served: issuer.servableMs() > 0,
    accessKeyId,
    roleName,
    accountId,
    generation,
    heldSince: receivedAt,
    expiresAt,
    servedUntil: expiresAt === undefined ? undefined : expiresAt - LEAST_REMAINING_MS,
    secondsLeft: expiresAt === undefined ? 0 : Math.max(0, Math.floor((expiresAt - issuer.sourceNow()) / 1000)),
    failingSince,
    lastAsked: lastRefresh && {
      at: lastRefresh.at,
      outcome: lastRefresh.outcome,
      ...(lastRefresh.error === undefined ? {} : { error: describeError(lastRefresh.error) }),
    },
  };
}

/** For people: one paragraph for each identity, then who asks. */
export function describeStatus(status: AgentStatus): string {
  const { pid, startedAt, now, ready, answers, clients, refused, troubles = [], lastClockStep } = status;
  const asked = clients.map(
    ({ client, answers: times, lastAt, everySeconds }) =>
      `  ${client}: ${times} ${times === 1 ? "time" : "times"}` +
      `${everySeconds === undefined ? "" : `, every ${spoken(everySeconds * 1000)}`}, last ${spoken(now - lastAt)} ago`,
  );
  const said = Object.entries(refused).map(([kind, times]) => `${kind} ${times}`);
  return [
    `agent ${pid}, running for ${spoken(now - startedAt)}, ${ready ? "ready" : "NOT READY"}`,
    ...troubles.map(({ about, since, error }) => `TROUBLE with ${about} for ${spoken(now - since)}: ${error}`),
    ...(lastClockStep === undefined ? [] : [describeStep(lastClockStep, now)]),
    ...status.credentials.map((held) => describeHeld(held, now)),
    `handed out ${answers} times${asked.length === 0 ? "" : " to"}`,
    ...asked,
    ...(said.length === 0 ? [] : [`refused: ${said.join(", ")}`]),
    "",
  ].join("\n");
}

function describeStep({ at, byMs }: ClockStep, now: number): string {
  const what = byMs < 0 ? "this host's clock was set back" : "this host slept, or its clock was set forward,";
  return `${what} by ${spoken(Math.abs(byMs))}, ${spoken(now - at)} ago`;
}

function describeHeld(held: HeldStatus, now: number): string {
  const { name, source, accessKeyId, roleName, heldSince, expiresAt, secondsLeft, served, failingSince, lastAsked } =
    held;
  const failing =
    failingSince === undefined
      ? ""
      : `\n  the source has not answered for ${spoken(now - failingSince)}: ${lastAsked?.error ?? "no reason known"}`;
  if (accessKeyId === undefined || expiresAt === undefined || heldSince === undefined) {
    return `${name}: nothing held yet, from ${source}${failing}`;
  }
  return (
    `${name}: ${accessKeyId}${roleName === undefined ? "" : ` of ${roleName}`} from ${source}\n` +
    `  held for ${spoken(now - heldSince)}, ${secondsLeft > 0 ? `valid for ${spoken(secondsLeft * 1000)}` : "ENDED"}` +
    ` (until ${wholeSeconds(expiresAt)})${served ? "" : ", NOT HANDED OUT: too little time left"}${failing}`
  );
}

function spoken(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
