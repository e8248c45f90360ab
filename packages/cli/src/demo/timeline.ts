/**
 * What goes wrong in the demo's day: each fault that has kept real services busy, and enough calm in between to see that
 * the clients come back.
 */

import type { FaultPeriod } from "@evertoken/simulator";

const DAY_HOURS = 24;

/** Hours since the start of a day. */
const DAY: readonly FaultPeriod[] = [
  // Over the end of the first credentials: who holds the newest goes on, who re-reads at the last minute does not.
  { fault: "imds-down", fromHours: 3.5, toHours: 7.5 },
  // An administrator revokes the role's sessions; IMDS has others at once, but who asks?
  { fault: "credentials-revoked", fromHours: 9.5 },
  // One failed session-token request: how the first case began. The tokens must go first, or nobody asks for one.
  { fault: "imds-token-fails-once", fromHours: 11.45 },
  { fault: "session-tokens-forgotten", fromHours: 11.5 },
  { fault: "imds-slow", fromHours: 13, toHours: 14, delayMs: 900 },
  { fault: "credentials-stuck", fromHours: 16, toHours: 17 },
  { fault: "credentials-revoked", fromHours: 20 },
];

/** The timeline of a demo of `hours` hours: the day shortened to fit, or one day after the other. */
export function demoTimeline(hours: number): FaultPeriod[] {
  if (hours < DAY_HOURS) return DAY.map((period) => moved(period, 0, hours / DAY_HOURS));
  const days = Array.from({ length: Math.ceil(hours / DAY_HOURS) }, (_, day) => day * DAY_HOURS);
  return days
    .flatMap((offset) => DAY.map((period) => moved(period, offset, 1)))
    .filter(({ fromHours, toHours }) => (toHours ?? fromHours) < hours);
}

function moved(period: FaultPeriod, offset: number, scale: number): FaultPeriod {
  const at = (hours: number) => Math.round((offset + hours * scale) * 1000) / 1000;
  const { toHours } = period;
  return { ...period, fromHours: at(period.fromHours), ...(toHours === undefined ? {} : { toHours: at(toHours) }) };
}
