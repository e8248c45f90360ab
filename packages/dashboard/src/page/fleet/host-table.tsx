/** The hosts as a table that can be put into another order by its heads; on a phone as a list. */

import { useState } from "preact/hooks";
import { addressOf } from "../ui/address.js";
import { SeverityIcon } from "../ui/icons.js";
import { roughLength, spokenAge, spokenLength } from "../words/lengths.js";
import { count } from "../words/numbers.js";
import type { Order, Ranked } from "./ranking.js";

/** More rows than anybody reads; a filter finds the others. */
const ROWS_AT_FIRST = 200;

const FULL_MS = 6 * 3_600_000;

export interface HostTableProps {
  readonly ranked: readonly Ranked[];
  /** All of them, whether shown or not. */
  readonly hosts: number;
  readonly now: number;
  readonly order: Order;
  readonly onOrder: (order: Order) => void;
}

const HEADS: readonly { readonly order: Order; readonly name: string; readonly isNumber?: boolean }[] = [
  { order: "host", name: "Host" },
  { order: "survival", name: "Survives" },
  { order: "answered", name: "Source answered" },
  { order: "failed", name: "Failed refreshes, 15 min", isNumber: true },
  { order: "replayed", name: "Replayed, 1 h", isNumber: true },
  { order: "surfaced", name: "Surfaced, 1 h", isNumber: true },
];

export function HostTable({ ranked, hosts, now, order, onOrder }: HostTableProps) {
  const [most, setMost] = useState(ROWS_AT_FIRST);
  if (hosts === 0) {
    return (
      <div class="unknown">
        <p>
          <b>No host reports.</b> Prometheus has had no <code>evertoken_build_info</code> within the last day. Does it
          scrape the agents, at <code>/metrics</code> of their admin port?
        </p>
      </div>
    );
  }
  if (ranked.length === 0) return <p class="unknown">No host is like this.</p>;
  return (
    <>
      <table class="hosts">
        <thead>
          <tr>
            {HEADS.map(({ order: own, name, isNumber = false }) => (
              <th
                key={own}
                scope="col"
                class={isNumber ? "is-number" : undefined}
                aria-sort={own === order ? "ascending" : "none"}
              >
                <button type="button" class="plain" onClick={() => onOrder(own)}>
                  {name}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {ranked.slice(0, most).map((one) => (
            <Row key={`${one.host.job} ${one.host.instance}`} ranked={one} now={now} />
          ))}
        </tbody>
      </table>
      {ranked.length > most ? (
        <p class="more">
          <button type="button" onClick={() => setMost(most + ROWS_AT_FIRST)}>
            Show more of {count(ranked.length)}
          </button>
        </p>
      ) : null}
    </>
  );
}

function Row({ ranked: { host, judgement }, now }: { readonly ranked: Ranked; readonly now: number }) {
  const { job, instance, isSilent, survivalMs, answeredAt, failedRefreshes, replayed, surfaced } = host;
  const { severity, verdict } = judgement;
  const trouble = (value: number, kind: string) => `is-number ${value > 0 ? `is-${kind}` : "is-none"}`;
  return (
    <tr>
      <th scope="row">
        <a href={addressOf({ path: ["host", job, instance], query: {} })}>{instance}</a>
        <span class="aside">{job}</span>
      </th>
      <td>
        <div class="host-survival">
          <span class={`verdict is-${severity}`}>
            <SeverityIcon severity={severity} />
            {verdict}
          </span>
          <b>{isSilent ? "–" : told(survivalMs)}</b>
          <svg class={`meter is-${severity}`} viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
            <rect class="meter-ground" width="100" height="4" />
            <rect
              width={isSilent ? 0 : Math.min(100, ((survivalMs ?? 0) / FULL_MS) * 100)}
              height="4"
              fill="currentColor"
            />
          </svg>
        </div>
      </td>
      <td data-label="Answered">{answered(answeredAt, isSilent, now)}</td>
      <td data-label="Failed, 15 min" class={trouble(failedRefreshes, "warning")}>
        {count(failedRefreshes)}
      </td>
      <td data-label="Replayed, 1 h" class={trouble(replayed, "text")}>
        {count(replayed)}
      </td>
      <td data-label="Surfaced, 1 h" class={trouble(surfaced, "error")}>
        {count(surfaced)}
      </td>
    </tr>
  );
}

/** Of who is silent it is not known any more. */
function answered(at: number | undefined, isSilent: boolean, now: number): string {
  if (at === undefined) return isSilent ? "–" : "never";
  return spokenAge(Math.max(0, now - at));
}

function told(survivalMs: number | undefined): string {
  if (survivalMs === undefined) return "–";
  if (!Number.isFinite(survivalMs)) return "endless";
  return survivalMs < 60_000 ? roughLength(survivalMs) : spokenLength(survivalMs);
}
