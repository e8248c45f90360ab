/** The ribbons of all Keepers of a lane, with their key. */

import type { LiveKeeper } from "@evertoken/telemetry/live";
import { Ribbon } from "../charts/ribbon.js";
import { of } from "./hero.js";

/** An agent may hold many roles; the page shows the first, status and metrics all. */
const MOST_RIBBONS = 6;

export interface RibbonsProps {
  readonly title?: string | undefined;
  readonly keepers: readonly LiveKeeper[];
  readonly now: number;
  readonly rangeMs: number;
}

export function Ribbons({ title, keepers, now, rangeMs }: RibbonsProps) {
  return (
    <section class="card ribbons" aria-label={of(title, "Generations of credentials")}>
      <header>
        <h2>Credentials</h2>
        <ul class="legend">
          <li>
            <span class="swatch of-used" />
            in use
          </li>
          <li>
            <span class="swatch of-left" />
            valid
          </li>
          <li>
            <span class="swatch of-advisory" />
            next is asked for
          </li>
          <li>
            <span class="swatch of-rejected" />
            rejected
          </li>
        </ul>
      </header>
      {keepers.length === 0 ? (
        <p class="empty ribbon-empty">
          Each client keeps credentials of its own here, and tells nobody until when they are good.
        </p>
      ) : null}
      {keepers.slice(0, MOST_RIBBONS).map((keeper) => (
        <div key={keeper.name}>
          {keepers.length > 1 ? <h3>{keeper.name}</h3> : null}
          <Ribbon keeper={keeper} now={now} rangeMs={rangeMs} />
        </div>
      ))}
      {keepers.length > MOST_RIBBONS ? <p class="aside">and {keepers.length - MOST_RIBBONS} more</p> : null}
    </section>
  );
}
