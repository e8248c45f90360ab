/** The head of the page: what is observed, whether the line to it stands, what time it is there, how the page looks. */

import type { ComponentChildren } from "preact";
import { useContext } from "preact/hooks";
import { Choice } from "../ui/choice.js";
import { Shown, type Theme } from "../ui/preferences.js";
import { dayName, iso, preciseClockFace, type Zone, zoneName } from "../words/instants.js";
import type { Severity } from "../words/survival.js";

export interface HeaderProps {
  readonly title: string;
  readonly subtitle: string;
  readonly status: { readonly severity: Severity; readonly text: string };
  /** Of what is observed. */
  readonly now: number | undefined;
  /** Of its clock. */
  readonly speed?: number;
  readonly children?: ComponentChildren;
}

export function Header({ title, subtitle, status, now, speed = 1, children }: HeaderProps) {
  return (
    <header class="head">
      <div class="head-name">
        <a class="brand" href="#/" aria-label="Evertoken, to the overview">
          <Mark />
        </a>
        <div>
          <h1>{title}</h1>
          <p class="aside">{subtitle}</p>
        </div>
      </div>
      <p class={`pill is-${status.severity}`}>
        <span class="dot" />
        {status.text}
      </p>
      {children}
      <Clocks now={now} speed={speed} />
    </header>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
      <rect class="mark-ground" width="32" height="32" rx="7" />
      <path class="mark-line" d="M9 20.5a8.2 8.2 0 1 1 3.2 2.9M16 10.5V16l4 2.5" />
    </svg>
  );
}

/** Both zones, always: the host's log is in UTC, the viewer's appointments are not. */
function Clocks({ now, speed }: { readonly now: number | undefined; readonly speed: number }) {
  if (now === undefined) return <p class="clocks" />;
  const isSame = new Date(now).getTimezoneOffset() === 0;
  const own = isSame ? "utc" : "local";
  const day = dayName(now, own);
  return (
    // Days are not equally wide: another day is another text, not one that moves.
    <p class="clocks" key={day}>
      <time dateTime={iso(now)}>
        {day}{" "}
        <b>
          <Clock at={now} zone={own} />
        </b>
      </time>
      <span class="aside" key={speed}>
        {isSame ? "" : <Clock at={now} zone="utc" />}
        {speed === 1 ? "" : speed === 0 ? " clock stands still" : ` clock ×${speed.toLocaleString("en-US")}`}
      </span>
    </p>
  );
}

function Clock({ at, zone }: { readonly at: number; readonly zone: Zone }) {
  return (
    <>
      <span class="time">{preciseClockFace(at, zone)}</span> {zoneName(at, zone)}
    </>
  );
}

const THEMES: readonly { readonly value: Theme; readonly label: string }[] = [
  { value: "auto", label: "Auto" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

export interface LookProps {
  readonly onTheme: (theme: Theme) => void;
  readonly onZone: (zone: Zone) => void;
  readonly localZone: string;
}

/** At the foot: nobody changes these twice. */
export function Look({ onTheme, onZone, localZone }: LookProps) {
  const { theme, zone } = useContext(Shown);
  return (
    <footer class="foot">
      <span>Times in</span>
      <Choice
        label="Times in"
        value={zone}
        onChoose={onZone}
        options={[
          { value: "local", label: `Local (${localZone})` },
          { value: "utc", label: "UTC" },
        ]}
      />
      <span>Colours</span>
      <Choice label="Colours" value={theme} onChoose={onTheme} options={THEMES} />
    </footer>
  );
}
