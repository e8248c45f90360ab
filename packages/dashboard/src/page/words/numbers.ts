/** Counts as people read them. */

const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `12,345`; from a million on `1.2M`. */
export function count(value: number): string {
  return value >= 1_000_000 ? SHORT.format(value) : WHOLE.format(value);
}

/** `12.3K` from ten thousand on. */
export function shortCount(value: number): string {
  return value >= 10_000 ? SHORT.format(value) : WHOLE.format(value);
}

/** `1 request`, `2 requests`. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
