/** The names that somebody may have meant: of a long list nobody reads all. */

const SHOWN = 5;

/** Those of the names that are most like what was given, in the order of likeness; of nothing, the first ones. */
export function likest(given: string, names: readonly string[]): string[] {
  if (given === "") return names.slice(0, SHOWN);
  // Distances grow with what was given, which may be anything.
  const short = given.slice(0, 40);
  const distances = new Map(names.map((name) => [name, distance(short, name)]));
  return [...names].sort((a, b) => (distances.get(a) ?? 0) - (distances.get(b) ?? 0)).slice(0, SHOWN);
}

/** How many characters have to be put in, left out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const changed = (row[column - 1] ?? 0) + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
