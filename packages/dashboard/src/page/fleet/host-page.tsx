/** One host of a fleet, as Prometheus remembers it. */

import type { LiveKeeper } from "@evertoken/telemetry/live";
import { useContext } from "preact/hooks";
import type { Time } from "../browser-time.js";
import {
  AnswersChart,
  LatencyChart,
  RequestsChart,
  StaleChart,
  SurvivalChart,
  type Window,
} from "../charts/lane-charts.js";
import { RANGES, type Range, rangeNamed } from "../live/ranges.js";
import { type Address, addressOf } from "../ui/address.js";
import { Announcer } from "../ui/announcer.js";
import { Shown } from "../ui/preferences.js";
import { Header } from "../views/header.js";
import { Fact, HeroCard } from "../views/hero.js";
import { RangeChoice } from "../views/range-choice.js";
import { Ribbons } from "../views/ribbons.js";
import { instant } from "../words/instants.js";
import { spokenAge } from "../words/lengths.js";
import { count } from "../words/numbers.js";
import { statusOf, Trouble, Unknown } from "./asked-views.js";
import { askHost, type HostFigures } from "./host-figures.js";
import { askHosts, type Host, judgeHost } from "./hosts.js";
import { useAsked } from "./use-asked.js";

export interface HostPageProps {
  readonly job: string;
  readonly instance: string;
  readonly address: Address;
  readonly change: (query: Readonly<Record<string, string>>) => void;
  readonly time: Time;
}

interface Known {
  readonly host: Host | undefined;
  readonly figures: HostFigures;
  readonly now: number;
}

const USUAL = "6h";

export function HostPage({ job, instance, address, change, time }: HostPageProps) {
  const chosen = rangeNamed(address.query.range);
  const range = chosen ?? rangeNamed(USUAL) ?? (RANGES[0] as Range);
  const ask = async (signal: AbortSignal): Promise<Known> => {
    const now = time.now();
    const own = { job, instance };
    const [hosts, figures] = await Promise.all([askHosts(signal, own), askHost(own, range, now, signal)]);
    return { host: hosts[0], figures, now };
  };
  const asked = useAsked(JSON.stringify([job, instance, range.name]), ask, time);
  const { known } = asked;
  const verdict = known?.host === undefined ? undefined : judgeHost(known.host, known.now).verdict;
  return (
    <>
      <Announcer message={verdict === undefined ? "" : `${verdict}.`} time={time} />
      <Header title={instance} subtitle={job} status={statusOf(asked)} now={asked.at}>
        <RangeChoice chosen={chosen} current={range} onChoose={(name) => change({ range: name })} />
      </Header>
      <main class={asked.problem === undefined ? undefined : "is-old"}>
        <nav aria-label="Where you are">
          <a href={addressOf({ path: [], query: {} })}>All hosts</a>
        </nav>
        {known === undefined ? (
          <div class="card">
            <Unknown asked={asked} time={time} />
          </div>
        ) : known.host === undefined ? (
          <p class="card unknown">Prometheus has heard nothing of this host within the last day.</p>
        ) : (
          <Figures host={known.host} figures={known.figures} now={known.now} rangeMs={range.lengthMs} />
        )}
      </main>
      <Trouble asked={asked} time={time} />
    </>
  );
}

interface FiguresProps {
  readonly host: Host;
  readonly figures: HostFigures;
  readonly now: number;
  readonly rangeMs: number;
}

function Figures({ host, figures, now, rangeMs }: FiguresProps) {
  const { bars, keepers, from, to, barMs } = figures;
  const window: Window = { from, to, barMs };
  return (
    <section class="lane" aria-label={host.instance}>
      <div class="lane-grid">
        <HeroCard survivalMs={host.isSilent ? undefined : host.survivalMs} judgement={judgeHost(host, now)}>
          <Facts host={host} figures={figures} now={now} />
        </HeroCard>
        <div class="card survival">
          <SurvivalChart bars={bars} window={window} />
        </div>
        <Ribbons keepers={keepers} now={now} rangeMs={rangeMs} />
        <div class="charts">
          <div class="card">
            <AnswersChart bars={bars} window={window} />
          </div>
          <div class="card">
            <LatencyChart bars={bars} window={window} />
          </div>
          <div class="card">
            <RequestsChart bars={bars} window={window} />
          </div>
          <div class="card">
            <StaleChart bars={bars} window={window} />
          </div>
        </div>
      </div>
    </section>
  );
}

function Facts({ host, figures, now }: Omit<FiguresProps, "rangeMs">) {
  const { zone } = useContext(Shown);
  const { state, version, answeredAt, failedRefreshes, surfaced, replayed } = host;
  const ends = Math.min(...figures.keepers.map(endOf));
  const skewMs = Math.max(0, ...figures.keepers.map((keeper) => Math.abs(keeper.skewMs)));
  return (
    <dl class="facts">
      <Fact name="Source" value={[...new Set(figures.keepers.map(({ source }) => source))].join(", ") || "–"} />
      <Fact name="State" value={state ?? "–"} />
      <Fact name="Ends" value={Number.isFinite(ends) ? instant(ends, now, zone) : "–"} />
      <Fact name="Answered" value={answeredAt === undefined ? "never" : spokenAge(Math.max(0, now - answeredAt))} />
      <Fact name="Failed" value={`${count(failedRefreshes)} refreshes in 15 min`} />
      <Fact name="Clock" value={`${(skewMs / 1000).toFixed(1)} s off`} />
      <Fact name="In 1 h" value={`${count(replayed)} replayed, ${count(surfaced)} surfaced`} />
      <Fact name="Version" value={version} />
      <Fact name="Pools" value={poolsOf(figures)} isWide />
    </dl>
  );
}

function endOf({ generations }: LiveKeeper): number {
  return generations.at(-1)?.expiresAt ?? Number.POSITIVE_INFINITY;
}

function poolsOf({ members }: HostFigures): string {
  const pools = [...new Set(members.map(({ pool }) => pool))];
  const told = pools.map((name) => {
    const states = members.filter(({ pool }) => pool === name).map(({ state, count: of }) => `${of} ${state}`);
    return `${name}: ${states.join(", ")}`;
  });
  return told.join("; ") || "none";
}
