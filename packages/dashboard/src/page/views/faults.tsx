/** What the simulator does to the observed process right now. The row is always as high, whether faults come or go. */

import type { LiveFault } from "@evertoken/telemetry/live";
import { useContext } from "preact/hooks";
import { Shown } from "../ui/preferences.js";
import { instant } from "../words/instants.js";

export interface FaultsProps {
  readonly faults: readonly LiveFault[];
  readonly now: number;
}

export function Faults({ faults, now }: FaultsProps) {
  const { zone } = useContext(Shown);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class={faults.length === 0 ? "faults" : "faults has-faults"} aria-label="Faults active now" tabIndex={0}>
      <h2>
        {faults.length === 0 ? "No fault is active" : faults.length === 1 ? "Fault active" : `${faults.length} faults`}
      </h2>
      <ul>
        {faults.map(({ name, description, since, until }) => (
          <li key={name}>
            <b>{name}</b> {description}{" "}
            <span class="aside">
              since {instant(since, now, zone)}
              {until === undefined ? "" : `, until ${instant(until, now, zone)}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
