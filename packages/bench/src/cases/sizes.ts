/** Sizes as people write them: `4KiB`, `1MiB`. Powers of two only, so that nobody wonders which kilobyte is meant. */

const UNITS = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
  ["B", 1],
] as const;

/** @returns undefined for what is no size. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,15})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  const factor = UNITS.find(([name]) => name === unit)?.[1];
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** The shortest way to write it. */
export function sizeName(bytes: number): string {
  const [name, factor] = UNITS.find(([, factor]) => bytes >= factor && bytes % factor === 0) ?? ["B", 1];
  return `${bytes / factor}${name}`;
}
