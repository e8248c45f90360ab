/** Elements as text, for HTML and the SVG in it. What comes from outside is escaped on its way in. */

export interface Markup {
  readonly markup: string;
}

type Child = Markup | string | number | undefined;

export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly (Child | readonly Child[])[]
): Markup {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(rounded(value))}"`);
  const inner = children.flat().map((child) => text(child));
  return { markup: `<${name}${written.join("")}>${inner.join("")}</${name}>` };
}

const text = (child: Child) => (typeof child === "object" ? child.markup : escaped(String(child ?? "")));

/** A tenth of a pixel is all that a drawing needs. */
const rounded = (value: string | number) => (typeof value === "number" ? String(Math.round(value * 10) / 10) : value);

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] as string);
}
