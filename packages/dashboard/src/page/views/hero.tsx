/** The one big figure: how long requests would go on if the source of credentials went away now, and what that means. */

import type { LiveKeeper, LiveLane } from "@evertoken/telemetry/live";
import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { SeverityIcon } from "../ui/icons.js";
import { Shown } from "../ui/preferences.js";
import { instant } from "../words/instants.js";
import { lengthParts, spokenAge, spokenLength } from "../words/lengths.js";
import { decisiveKeeper, type Judgement, judge } from "../words/survival.js";

export interface HeroProps {
  /** In the demo: of which lane it is. */
  readonly title?: string | undefined;
  readonly lane: LiveLane;
  readonly now: number;
}

export function Hero({ lane, now, title }: HeroProps) {
  const { zone } = useContext(Shown);
  return (
    <HeroCard title={title} survivalMs={lane.survivalMs} judgement={judge(lane, now, zone)}>
      <Facts lane={lane} now={now} />
    </HeroCard>
  );
}

export interface HeroCardProps {
  readonly title?: string | undefined;
  /** Infinite for credentials that never end. */
  readonly survivalMs: number | undefined;
  readonly judgement: Judgement;
  readonly children: ComponentChildren;
}

export function HeroCard({ title, survivalMs, judgement, children }: HeroCardProps) {
  const { severity, verdict, meaning } = judgement;
  return (
    <section class={`hero card of-${severity}`} aria-label={of(title, "How long would we survive now?")}>
      <h2>
        Survives an outage for
        <span key={verdict} class={`verdict is-${severity}`}>
          <SeverityIcon severity={severity} />
          {verdict}
        </span>
      </h2>
      <p class={`figure is-${severity}`}>
        <Figure ms={verdict === "Endless" ? Number.POSITIVE_INFINITY : survivalMs} />
      </p>
      <p class="meaning">{meaning}</p>
      {children}
    </section>
  );
}

/** Landmarks of the same kind are told apart by their lane. */
export function of(title: string | undefined, name: string): string {
  return title === undefined ? name : `${title}: ${name}`;
}

function Figure({ ms }: { readonly ms: number | undefined }) {
  if (ms === undefined || !Number.isFinite(ms)) {
    return <span class="figure-value">{ms === undefined ? "–" : "∞"}</span>;
  }
  const parts = lengthParts(ms);
  return (
    // Ten hours are wider than nine: another figure, not one that moves. Nine minutes take the place of ten: 09.
    <span class="figure-parts" key={parts[0]?.value.length}>
      {parts.map(({ value, unit }, index) => (
        <span key={unit} class="figure-part">
          <span class="figure-value" style={{ "--digits": index === 0 ? value.length : 2 }}>
            {index === 0 ? value : value.padStart(2, "0")}
          </span>
          <span class="figure-unit">{unit}</span>
        </span>
      ))}
    </span>
  );
}

function Facts({ lane, now }: HeroProps) {
  const { zone } = useContext(Shown);
  const keeper = decisiveKeeper(lane);
  const held = keeper?.generations.at(-1);
  const sessionTokenEnd = lane.imds?.sessionTokenExpiresAt;
  const at = (time: number | undefined) => (time === undefined ? "–" : instant(time, now, zone));
  return (
    <dl class="facts">
      <Fact name="Source" value={keeper?.source ?? "–"} isWide />
      <Fact name="Role" value={keeper?.role ?? "–"} />
      <Fact name="State" value={keeper?.state ?? "–"} />
      <Fact name="Access key" value={held?.accessKeyId ?? "–"} isKey />
      <Fact name="Taken" value={held === undefined ? "–" : `${at(held.takenAt)}, ${spokenAge(now - held.takenAt)}`} />
      <Fact
        name="Ends"
        value={held === undefined ? "–" : held.expiresAt === undefined ? "never" : at(held.expiresAt)}
      />
      <Fact
        name="Session token"
        value={sessionTokenEnd === undefined ? "none held" : `for ${spokenLength(Math.max(0, sessionTokenEnd - now))}`}
      />
      <Fact name="Last asked" value={lastAsked(keeper, now)} isWide />
    </dl>
  );
}

interface FactProps {
  readonly name: string;
  readonly value: string;
  readonly isKey?: boolean;
  /** It takes a line of its own. */
  readonly isWide?: boolean;
}

export function Fact({ name, value, isKey = false, isWide = false }: FactProps) {
  return (
    <div class={isWide ? "is-wide" : undefined}>
      <dt>{name}</dt>
      <dd class={isKey ? "key" : undefined} title={value}>
        {value}
      </dd>
    </div>
  );
}

function lastAsked(keeper: LiveKeeper | undefined, now: number): string {
  const last = keeper?.lastRefresh;
  if (last === undefined) return "not yet";
  return `${spokenAge(now - last.at)}: ${last.error ?? last.outcome}`;
}
