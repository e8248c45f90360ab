/** What a viewer chose and the browser remembers: colours and time zone. Everything else of a view is in its address. */

import { createContext } from "preact";
import type { Zone } from "../words/instants.js";

export type Theme = "auto" | "light" | "dark";

export interface Preferences {
  readonly theme: Theme;
  readonly zone: Zone;
}

const KEY = "evertoken";
const USUAL: Preferences = { theme: "auto", zone: "local" };

export const Shown = createContext<Preferences & { readonly isDark: boolean }>({ ...USUAL, isDark: false });

/** A browser may keep nothing, or refuse to; then the usual holds. */
export function remembered(): Preferences {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (typeof kept !== "object" || kept === null) return USUAL;
    const { theme, zone } = kept as Partial<Record<keyof Preferences, unknown>>;
    return {
      theme: theme === "light" || theme === "dark" ? theme : "auto",
      zone: zone === "utc" ? "utc" : "local",
    };
  } catch {
    return USUAL;
  }
}

export function remember(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // It holds for as long as the page is open.
  }
}

export const DARK = "(prefers-color-scheme: dark)";

/** @returns whether it is dark now. */
export function applyTheme(theme: Theme): boolean {
  const isDark = theme === "auto" ? matchMedia(DARK).matches : theme === "dark";
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  return isDark;
}
