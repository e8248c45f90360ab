/** What a lane did since its process began, as figures in a row. Zero is said quietly, trouble is not. */

import type { Totals } from "@evertoken/telemetry/live";
import { count } from "../words/numbers.js";
import type { Severity } from "../words/survival.js";

interface Figure {
  readonly name: string;
  readonly value: number;
  readonly severity?: Severity;
  readonly hint: string;
}

function figures(totals: Totals): Figure[] {
  const trouble = (value: number, severity: Severity) => (value > 0 ? { severity } : {});
  const { requests, failures, replays, surfaced, refreshes, refreshFailures, rotations, rejections, ejections } =
    totals;
  const asked = Object.values(totals.imdsAnswers).reduce((sum, times) => sum + times, 0);
  return [
    { name: "Requests", value: requests, hint: "Requests since the process began" },
    { name: "Failed", value: failures, hint: "Requests whose caller got an error", ...trouble(failures, "error") },
    {
      name: "Expired surfaced",
      value: surfaced,
      hint: "Stale-credential errors that reached a caller",
      ...trouble(surfaced, "error"),
    },
    { name: "Replayed", value: replays, hint: "Stale answers that no caller saw: sent again with other credentials" },
    { name: "IMDS requests", value: asked, hint: "Requests to IMDS, each attempt counted" },
    { name: "Rotations", value: rotations, hint: "Times that the source gave other credentials" },
    { name: "Refreshes", value: refreshes, hint: "Times that the source was asked" },
    {
      name: "Refreshes failed",
      value: refreshFailures,
      hint: "Times that the source gave no answer",
      ...trouble(refreshFailures, "warning"),
    },
    {
      name: "Rejected",
      value: rejections,
      hint: "Times that a service refused the credentials held",
      ...trouble(rejections, "warning"),
    },
    {
      name: "Ejected",
      value: ejections,
      hint: "Times that a client was kept from requests",
      ...trouble(ejections, "warning"),
    },
  ];
}

export function TotalsRow({ totals }: { readonly totals: Totals }) {
  return (
    <dl class="totals card" aria-label="Since the process began">
      {figures(totals).map(({ name, value, severity, hint }) => (
        <div key={name} title={hint}>
          <dt>{name}</dt>
          <dd class={severity === undefined ? (value === 0 ? "is-none" : undefined) : `is-${severity}`}>
            {count(value)}
          </dd>
        </div>
      ))}
    </dl>
  );
}
