/** Lengths of time as people say them: `5 h 12 min`, `47 s`. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface LengthPart {
  readonly value: string;
  readonly unit: "d" | "h" | "min" | "s" | "ms";
}

/** At most two parts, rounded down: whoever is told of five minutes has them. */
export function lengthParts(ms: number): readonly LengthPart[] {
  const part = (value: number, unit: LengthPart["unit"]): LengthPart => ({ value: String(Math.floor(value)), unit });
  if (ms >= 2 * DAY) return [part(ms / DAY, "d"), part((ms % DAY) / HOUR, "h")];
  if (ms >= HOUR) return [part(ms / HOUR, "h"), part((ms % HOUR) / MINUTE, "min")];
  if (ms >= MINUTE) return [part(ms / MINUTE, "min"), part((ms % MINUTE) / SECOND, "s")];
  return [part(Math.max(0, ms) / SECOND, "s")];
}

export function spokenLength(ms: number): string {
  const [first, second] = lengthParts(ms);
  if (first === undefined) return "";
  const rest = second === undefined || second.value === "0" ? "" : ` ${second.value} ${second.unit}`;
  return `${first.value} ${first.unit}${rest}`;
}

/** One part only, for axes and tables: `5 h`, `47 s`. */
export function roughLength(ms: number): string {
  if (ms >= 2 * DAY) return `${Math.round(ms / DAY)} d`;
  if (ms >= 2 * HOUR || ms === HOUR) return `${Math.round((ms / HOUR) * 10) / 10} h`;
  if (ms >= 2 * MINUTE) return `${Math.round(ms / MINUTE)} min`;
  return `${Math.max(0, Math.round(ms / SECOND))} s`;
}

/** How long ago; what lies less than two seconds back is now. */
export function spokenAge(ms: number): string {
  return ms < 2 * SECOND ? "just now" : `${roughLength(ms)} ago`;
}

/** Of a request: `0.8 ms`, `12 ms`, `1.4 s`. */
export function spokenLatency(ms: number): string {
  if (ms >= 10 * SECOND) return `${Math.round(ms / SECOND)} s`;
  if (ms >= SECOND) return `${(ms / SECOND).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${Math.round(ms * 10) / 10} ms`;
}
