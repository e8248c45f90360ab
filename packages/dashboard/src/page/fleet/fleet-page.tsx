/** The page in front of a Prometheus: all hosts, ranked by how long each would survive, or one of them. */

import { useMemo } from "preact/hooks";
import type { Time } from "../browser-time.js";
import { type Address, useAddress } from "../ui/address.js";
import { Announcer } from "../ui/announcer.js";
import { Choice } from "../ui/choice.js";
import { Header } from "../views/header.js";
import { roughLength } from "../words/lengths.js";
import { count, counted } from "../words/numbers.js";
import { statusOf, Trouble, Unknown } from "./asked-views.js";
import { HostPage } from "./host-page.js";
import { HostTable } from "./host-table.js";
import { askHosts } from "./hosts.js";
import { type Trouble as Kind, matching, ORDERS, type Order, ofTrouble, type Ranked, rank } from "./ranking.js";
import { type Asked, useAsked } from "./use-asked.js";

type Change = (query: Readonly<Record<string, string>>) => void;

export function FleetPage({ time }: { readonly time: Time }) {
  const [address, change] = useAddress();
  const [where, job, instance] = address.path;
  if (where === "host" && job !== undefined && instance !== undefined) {
    return <HostPage job={job} instance={instance} address={address} change={change} time={time} />;
  }
  return <Overview address={address} change={change} time={time} />;
}

interface OverviewProps {
  readonly address: Address;
  readonly change: Change;
  readonly time: Time;
}

function Overview({ address, change, time }: OverviewProps) {
  const asked = useAsked("hosts", (signal) => askHosts(signal), time);
  const { text = "", trouble = "all", order = "urgency" } = address.query;
  const chosenOrder = ORDERS.find((known) => known === order) ?? "urgency";
  const ranked = useMemo(
    () => rank(asked.known ?? [], asked.at ?? 0, chosenOrder),
    [asked.known, asked.at, chosenOrder],
  );
  const found = matching(ranked, text);
  const of = (kind: Kind) => ofTrouble(found, kind);
  const chosenTrouble = (["error", "warning", "good"] as const).find((kind) => kind === trouble) ?? "all";
  return (
    <>
      <Announcer message={announcement(asked, ranked)} time={time} />
      <Header title="Fleet" subtitle={subtitleOf(asked, ranked, chosenOrder)} status={statusOf(asked)} now={asked.at} />
      <main class={asked.problem === undefined ? undefined : "is-old"}>
        <Summary ranked={ranked} isKnown={asked.known !== undefined} />
        <section class="card fleet" aria-label="Hosts">
          <search class="fleet-filters">
            <input
              type="search"
              aria-label="Filter hosts by text"
              placeholder="Host, job, state, version"
              value={text}
              onInput={({ currentTarget }) => change({ text: currentTarget.value })}
            />
            <Choice
              label="Show"
              value={chosenTrouble}
              onChoose={(value) => change({ trouble: value === "all" ? "" : value })}
              options={[
                { value: "all", label: "All", count: found.length },
                { value: "error", label: "Errors", count: of("error").length },
                { value: "warning", label: "Warnings", count: of("warning").length },
                { value: "good", label: "Safe", count: of("good").length },
              ]}
            />
          </search>
          {asked.known === undefined ? (
            <Unknown asked={asked} time={time} />
          ) : (
            <HostTable
              ranked={of(chosenTrouble)}
              hosts={ranked.length}
              now={asked.at ?? 0}
              order={chosenOrder}
              onOrder={(value: Order) => change({ order: value === chosenOrder ? "" : value })}
            />
          )}
        </section>
      </main>
      <Trouble asked={asked} time={time} />
    </>
  );
}

function subtitleOf({ known }: Asked<unknown>, ranked: readonly Ranked[], order: Order): string {
  if (known === undefined) return "Hosts by Prometheus";
  const hosts = counted(ranked.length, "host");
  return order === "urgency" ? `${hosts}, the most urgent first` : hosts;
}

function announcement({ problem, known }: Asked<unknown>, ranked: readonly Ranked[]): string {
  if (problem !== undefined) return "No answer from Prometheus. The page tries again by itself.";
  if (known === undefined) return "";
  const bad = ranked.filter(({ judgement }) => judgement.severity === "error").length;
  return bad === 0 ? "No host is in trouble." : `${counted(bad, "host")} in trouble.`;
}

interface SummaryProps {
  readonly ranked: readonly Ranked[];
  readonly isKnown: boolean;
}

/** How the fleet is spread: hosts by the hours that they would survive. */
function Summary({ ranked, isKnown }: SummaryProps) {
  const shortest = ranked.find(({ host }) => !host.isSilent && host.survivalMs !== undefined)?.host;
  const least = ranked.reduce(
    (most, { host: { isSilent, survivalMs } }) => (isSilent ? most : Math.min(most, survivalMs ?? most)),
    Number.POSITIVE_INFINITY,
  );
  const of = (severity: string) => ranked.filter(({ judgement }) => judgement.severity === severity).length;
  const figures: readonly (readonly [name: string, value: string, severity?: string | undefined])[] = [
    ["Hosts", isKnown ? count(ranked.length) : "–"],
    ["Shortest survival", shortest === undefined ? "–" : Number.isFinite(least) ? roughLength(least) : "endless"],
    ["In trouble", isKnown ? String(of("error")) : "–", of("error") > 0 ? "error" : undefined],
    ["With warnings", isKnown ? String(of("warning")) : "–", of("warning") > 0 ? "warning" : undefined],
    ["Silent", isKnown ? String(ranked.filter(({ host }) => host.isSilent).length) : "–"],
  ];
  return (
    <dl class="totals card fleet-totals" aria-label="The fleet">
      {figures.map(([name, value, severity]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd class={severity === undefined ? undefined : `is-${severity}`}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
