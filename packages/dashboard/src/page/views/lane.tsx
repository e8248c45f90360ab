/** Everything about one lane: a process that keeps credentials, or in the demo one of the two side by side. */

import type { LiveLane } from "@evertoken/telemetry/live";
import {
  AnswersChart,
  LatencyChart,
  RequestsChart,
  StaleChart,
  SurvivalChart,
  type Window,
} from "../charts/lane-charts.js";
import type { Bucket } from "../live/history.js";
import { Hero } from "./hero.js";
import { Ribbons } from "./ribbons.js";
import { TotalsRow } from "./totals.js";

/** What a lane's charts show. */
export interface Drawn {
  readonly window: Window;
  readonly bars: readonly Bucket[];
  /** The same, finer: lines need it. */
  readonly fine: readonly Bucket[];
}

/** The scales of charts that are compared. */
export interface Tops {
  readonly answers: number;
  readonly requests: number;
  readonly latency: number;
  readonly stale: number;
  readonly survival: number;
}

export interface LaneProps {
  readonly lane: LiveLane;
  readonly now: number;
  readonly drawn: Drawn;
  readonly tops: Tops | undefined;
  /** In the demo: which of the two. */
  readonly title?: string | undefined;
}

export function Lane({ lane, now, drawn, tops, title }: LaneProps) {
  const { window, bars, fine } = drawn;
  const scale = <K extends keyof Tops>(name: K) => (tops === undefined ? {} : { top: tops[name] });
  return (
    <section class="lane" aria-label={title ?? lane.name}>
      {title === undefined ? null : <h2 class="lane-title">{title}</h2>}
      <div class="lane-grid">
        <Hero lane={lane} now={now} title={title} />
        <div class="card survival">
          <SurvivalChart bars={fine} window={window} {...scale("survival")} />
        </div>
        <TotalsRow totals={lane.totals} />
        <Ribbons title={title} keepers={lane.keepers} now={now} rangeMs={window.to - window.from} />
        <div class="charts">
          <div class="card">
            <AnswersChart bars={bars} window={window} {...scale("answers")} />
          </div>
          <div class="card">
            <LatencyChart bars={bars} window={window} {...scale("latency")} />
          </div>
          <div class="card">
            <RequestsChart bars={bars} window={window} {...scale("requests")} />
          </div>
          <div class="card">
            <StaleChart bars={bars} window={window} {...scale("stale")} />
          </div>
        </div>
      </div>
    </section>
  );
}
