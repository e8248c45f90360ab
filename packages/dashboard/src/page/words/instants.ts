/** Instants as people read them, in the viewer's time zone or in UTC. Which of the two is always said. */

export type Zone = "local" | "utc";

const FORMATS = new Map<string, Intl.DateTimeFormat>();

/** Making a format costs a hundred times what using it does. */
function format(zone: Zone, kind: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${zone} ${kind}`;
  const known = FORMATS.get(key);
  if (known !== undefined) return known;
  const zoned = zone === "utc" ? { ...options, timeZone: "UTC" } : options;
  const made = new Intl.DateTimeFormat("en-GB", { hourCycle: "h23", ...zoned });
  FORMATS.set(key, made);
  return made;
}

const TIME = { hour: "2-digit", minute: "2-digit" } as const;
const DATE = { weekday: "short", day: "numeric", month: "short" } as const;

/** `17:03`. */
export function clockFace(at: number, zone: Zone): string {
  return format(zone, "minutes", TIME).format(at);
}

/** `17:03:12`. */
export function preciseClockFace(at: number, zone: Zone): string {
  return format(zone, "seconds", { ...TIME, second: "2-digit" }).format(at);
}

/** `Wed 25 Nov`. */
export function dayName(at: number, zone: Zone): string {
  return format(zone, "day", DATE).format(at).replace(",", "");
}

/** `17:03` on the day of `now`, else `Wed 25 Nov 17:03`. */
export function instant(at: number, now: number, zone: Zone): string {
  const day = dayName(at, zone);
  return day === dayName(now, zone) ? clockFace(at, zone) : `${day} ${clockFace(at, zone)}`;
}

/** `UTC`, or the viewer's: `CET`, `GMT+5:30`. */
export function zoneName(at: number, zone: Zone): string {
  if (zone === "utc") return "UTC";
  const parts = format(zone, "zone", { timeZoneName: "short" }).formatToParts(at);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? "local";
}

/** For machines and for `title`. */
export function iso(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
