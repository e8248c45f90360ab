/** The names by which several Keepers, pools or clients of one process are told apart: `default`, `default-2`, … */

import { FewNames, OTHER } from "./labels.js";

/** A process has a handful of each. Those beyond share a name, so that a leak of pools does not become one of time series. */
const MOST = 100;

export class Names {
  /** All that were ever given: what was counted under a name stays. */
  readonly #few = new FewNames(MOST);
  readonly #taken = new Set<string>();

  /** @returns the name, or the first free one made of it. */
  claim(wish = "default"): string {
    if (this.#taken.size >= MOST) return OTHER;
    let name = wish;
    for (let number = 2; this.#taken.has(name); number++) name = `${wish}-${number}`;
    const label = this.#few.label(name);
    if (label === name) this.#taken.add(name);
    return label;
  }

  release(name: string): void {
    this.#taken.delete(name);
  }
}
