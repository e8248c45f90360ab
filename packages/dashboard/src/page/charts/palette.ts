/** The style sheet's colours for what is painted on a canvas, which knows no style sheets. */

const NAMES = [
  "good",
  "note",
  "warning",
  "error",
  "series-1",
  "series-2",
  "series-3",
  "muted",
  "line",
  "grid",
] as const;
export type Colour = (typeof NAMES)[number];
export type Palette = Readonly<Record<Colour, string>>;

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Palette;
}
