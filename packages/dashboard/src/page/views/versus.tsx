/** The demo in three lines: what callers of the two lanes felt, and what it cost IMDS. */

import type { LiveLane, Totals } from "@evertoken/telemetry/live";
import { count } from "../words/numbers.js";
import { laneTitle } from "./lane-title.js";

interface Line {
  readonly name: string;
  readonly of: (totals: Totals) => number;
  /** Any at all is bad. */
  readonly isTrouble: boolean;
  readonly aside?: (totals: Totals) => string;
}

const share = (part: number, whole: number) => (whole === 0 ? 0 : (part / whole) * 100);

const LINES: readonly Line[] = [
  {
    name: "Requests failed",
    of: ({ failures }) => failures,
    isTrouble: true,
    aside: ({ failures, requests }) => `${share(failures, requests).toFixed(1)} % of ${count(requests)}`,
  },
  {
    name: "Expired tokens that reached a caller",
    of: ({ surfaced }) => surfaced,
    isTrouble: true,
    aside: ({ replays }) => `${count(replays)} replayed unseen`,
  },
  {
    name: "Requests to IMDS",
    of: ({ imdsAnswers }) => Object.values(imdsAnswers).reduce((sum, times) => sum + times, 0),
    isTrouble: false,
  },
];

export function Versus({ lanes }: { readonly lanes: readonly LiveLane[] }) {
  return (
    <section class="versus card" aria-label="Both lanes compared">
      <table>
        <thead>
          <tr>
            <td />
            {lanes.map(({ name }) => (
              <th key={name} scope="col">
                {laneTitle(name)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {LINES.map(({ name, of, isTrouble, aside }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {lanes.map(({ name: lane, totals }) => (
                <td key={lane}>
                  <b class={isTrouble ? (of(totals) > 0 ? "is-error" : "is-good") : undefined}>{count(of(totals))}</b>{" "}
                  <span class="aside">{aside?.(totals) ?? ""}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
