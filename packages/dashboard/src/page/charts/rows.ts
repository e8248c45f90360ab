/** Puts spans that overlap into as few rows as they need, each in the first that is free when it begins. */

export interface Span {
  readonly from: number;
  readonly to: number;
}

/** @param spans in the order of their beginnings. @returns the row of each. */
export function rowsFor(spans: readonly Span[]): number[] {
  const freeAt: number[] = [];
  return spans.map(({ from, to }) => {
    const free = freeAt.findIndex((at) => at <= from);
    const row = free === -1 ? freeAt.length : free;
    freeAt[row] = to;
    return row;
  });
}
