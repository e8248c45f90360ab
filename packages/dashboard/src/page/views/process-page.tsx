/** The page of one process: of an agent, an application, the simulator, or the demo with its two lanes. */

import { useMemo } from "preact/hooks";
import type { Observed, Process } from "../live/observed.js";
import { type Range, rangeFor, rangeNamed } from "../live/ranges.js";
import { useAddress } from "../ui/address.js";
import type { Severity } from "../words/survival.js";
import { Events } from "./events.js";
import { Faults } from "./faults.js";
import { Header } from "./header.js";
import { type Drawn, Lane } from "./lane.js";
import { laneTitle } from "./lane-title.js";
import { PoolGrid } from "./pool.js";
import { RangeChoice } from "./range-choice.js";
import { topsOf } from "./tops.js";
import { Versus } from "./versus.js";

export interface ProcessPageProps {
  readonly observed: Observed;
  readonly status: { readonly severity: Severity; readonly text: string };
  /** What is shown is not of now. */
  readonly isOld: boolean;
}

const SUBJECTS: Readonly<Record<Process["subject"], string>> = {
  agent: "Agent",
  simulate: "Simulator",
  demo: "Demo",
  application: "Application",
};

/** Lines have so many points for each bar of the others. */
const FINER = 3;

export function ProcessPage({ observed, status, isOld }: ProcessPageProps) {
  const { process, state, histories, told } = observed;
  const [address, change] = useAddress();
  const hasLanes = (state?.lanes.length ?? 0) > 1;
  const events = useMemo(() => <Events told={told} hasLanes={hasLanes} />, [told, hasLanes]);
  if (process === undefined || state === undefined) return null;
  const { now, speed, lanes, faults } = state;
  const chosen = rangeNamed(address.query.range);
  const range = chosen ?? rangeFor(observed.elapsedMs);
  const drawn = histories.map((history) => drawnOf(history, now, range));
  const tops = hasLanes ? topsOf(drawn) : undefined;
  const pools = lanes.flatMap(({ name: lane, pools }) => pools.map((pool) => ({ lane, pool })));
  const isSimulated = process.subject === "simulate" || process.subject === "demo";
  return (
    <>
      <Header
        title={process.host}
        subtitle={`${SUBJECTS[process.subject]} · Evertoken ${process.version}`}
        status={status}
        now={now}
        speed={speed}
      >
        <RangeChoice chosen={chosen} current={range} onChoose={(name) => change({ range: name })} />
      </Header>
      <main class={isOld ? "is-old" : undefined} data-subject={process.subject}>
        {isSimulated ? <Faults faults={faults} now={now} /> : null}
        {hasLanes ? <Versus lanes={lanes} /> : null}
        <div class={hasLanes ? "lanes" : undefined}>
          {lanes.map((lane, index) => {
            const own = drawn[index];
            if (own === undefined) return null;
            const title = hasLanes ? laneTitle(lane.name) : undefined;
            return <Lane key={lane.name} lane={lane} now={now} drawn={own} tops={tops} title={title} />;
          })}
        </div>
        <div class="below">
          {pools.map(({ lane, pool }) => (
            <PoolGrid key={`${lane} ${pool.name}`} pool={pool} isOne={pools.length > 1} now={now} />
          ))}
          {events}
        </div>
      </main>
    </>
  );
}

function drawnOf(history: Observed["histories"][number], now: number, { lengthMs, barMs }: Range): Drawn {
  const from = now - lengthMs;
  return {
    window: { from, to: now, barMs },
    bars: history.between(from, now, barMs),
    fine: history.between(from, now, barMs / FINER),
  };
}
