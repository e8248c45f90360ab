/** A small distribution of text: where the rounds' figures lie, on a scale that both candidates share. */

const HEIGHTS = " ▁▂▃▄▅▆▇█";

/** Two strips of `width` characters on one scale. */
export function strips(a: readonly number[], b: readonly number[], width: number): readonly [string, string] {
  const all = [...a, ...b].filter(Number.isFinite);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const bins = (figures: readonly number[]) => {
    const counts = new Array<number>(width).fill(0);
    for (const figure of figures) {
      if (!Number.isFinite(figure)) continue;
      const place =
        high === low ? width >> 1 : Math.min(width - 1, Math.floor(((figure - low) / (high - low)) * width));
      counts[place] = (counts[place] as number) + 1;
    }
    return counts;
  };
  const [ofA, ofB] = [bins(a), bins(b)];
  const most = Math.max(...ofA, ...ofB, 1);
  // A single figure is seen, however many lie elsewhere.
  const draw = (counts: readonly number[]) =>
    counts.map((count) => HEIGHTS[Math.ceil((count / most) * (HEIGHTS.length - 1))]).join("");
  return [draw(ofA), draw(ofB)];
}
