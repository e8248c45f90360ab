/** The pool as a grid, one cell for each client: how busy, how old, whether kept from requests. */

import type { LiveMember, LivePool } from "@evertoken/telemetry/live";
import { useContext, useRef, useState } from "preact/hooks";
import { Choice } from "../ui/choice.js";
import { Shown } from "../ui/preferences.js";
import { instant } from "../words/instants.js";
import { roughLength } from "../words/lengths.js";
import { counted } from "../words/numbers.js";

/** More clients than anybody looks at one by one. */
const MOST_CELLS = 400;
const SHADES = 5;
const LEAST_COLUMNS = 10;

type Shading = "load" | "age";

export interface PoolProps {
  readonly pool: LivePool;
  /** Of several. */
  readonly isOne: boolean;
  readonly now: number;
}

export function PoolGrid({ pool, isOne, now }: PoolProps) {
  const [shading, setShading] = useState<Shading>("load");
  const [chosen, setChosen] = useState(0);
  const grid = useRef<HTMLDivElement>(null);
  const members = pool.members.slice(0, MOST_CELLS);
  const current = members[Math.min(chosen, members.length - 1)];
  const scale = scaleOf(members, shading, now);
  const move = (event: KeyboardEvent) => {
    const next = cellAfter(event.key, Math.min(chosen, members.length - 1), members.length, columnsOf(grid.current));
    if (next === undefined) return;
    event.preventDefault();
    setChosen(next);
    (grid.current?.children[next] as HTMLElement | undefined)?.focus();
  };
  return (
    <section class="pool card" aria-label={`Pool ${pool.name}`}>
      <header>
        <h2>{isOne ? `Pool ${pool.name}` : "Pool"}</h2>
        <p class="aside">{summaryOf(pool)}</p>
        <Choice
          label="Shade by"
          value={shading}
          onChoose={setShading}
          options={[
            { value: "load", label: "Load" },
            { value: "age", label: "Age" },
          ]}
        />
      </header>
      <div class="pool-body">
        {/* biome-ignore lint/a11y/useSemanticElements: neither a table nor a form */}
        <div
          class="cells"
          role="group"
          aria-label={isOne ? `Clients of ${pool.name}; arrow keys move` : "Clients; arrow keys move"}
          style={{ "--columns": Math.max(LEAST_COLUMNS, Math.ceil(Math.sqrt(members.length))) }}
          ref={grid}
          onKeyDown={move}
        >
          {members.map((member, index) => (
            <button
              key={member.id}
              type="button"
              class={`cell is-${member.state} shade-${scale(member)}`}
              aria-label={describe(member, now)}
              tabIndex={member === current ? 0 : -1}
              onFocus={() => setChosen(index)}
              onPointerEnter={() => setChosen(index)}
            />
          ))}
        </div>
        <div class="pool-told">
          {current === undefined ? (
            <p class="empty">No client yet: the first request makes one.</p>
          ) : (
            <Told member={current} now={now} />
          )}
          <Key shading={shading} />
          {pool.members.length > MOST_CELLS ? <p class="aside">The first {MOST_CELLS} are shown.</p> : null}
        </div>
      </div>
    </section>
  );
}

/** The client under the pointer, or the one with the focus. */
function Told({ member, now }: { readonly member: LiveMember; readonly now: number }) {
  const { zone } = useContext(Shown);
  const { id, state, inFlight, createdAt, ejectedUntil } = member;
  const ejected =
    state === "ejected" && ejectedUntil !== undefined ? `, until ${instant(ejectedUntil, now, zone)}` : "";
  return (
    <dl class="pool-member">
      <dt>Client</dt>
      <dd>{id}</dd>
      <dt>State</dt>
      <dd>
        {state}
        {ejected}
      </dd>
      <dt>In flight</dt>
      <dd>{inFlight}</dd>
      <dt>Age</dt>
      <dd>{roughLength(Math.max(0, now - createdAt))}</dd>
    </dl>
  );
}

function Key({ shading }: { readonly shading: Shading }) {
  const [least, most] = shading === "load" ? ["idle", "busiest"] : ["youngest", "oldest"];
  return (
    <ul class="pool-key">
      <li>
        {least}
        {Array.from({ length: SHADES }, (_, shade) => (
          <span key={shade} class={`cell shade-${shade}`} />
        ))}
        {most}
      </li>
      <li>
        <span class="cell is-ejected" /> ejected
      </li>
      <li>
        <span class="cell is-draining" /> draining
      </li>
    </ul>
  );
}

function describe({ id, state, inFlight, createdAt }: LiveMember, now: number): string {
  return `Client ${id}, ${state}, ${inFlight} in flight, ${roughLength(Math.max(0, now - createdAt))} old`;
}

function summaryOf({ members, queued }: LivePool): string {
  const of = (state: LiveMember["state"]) => members.filter((member) => member.state === state).length;
  const inFlight = members.reduce((sum, member) => sum + member.inFlight, 0);
  const parts = [`${of("serving")} serving`, `${of("ejected")} ejected`];
  if (of("draining") > 0) parts.push(`${of("draining")} draining`);
  return [...parts, `${inFlight} in flight`, `${counted(queued, "request")} waiting`].join(" · ");
}

/** The shade of a cell, 0 to {@link SHADES} - 1, relative to the busiest or oldest. */
function scaleOf(members: readonly LiveMember[], shading: Shading, now: number): (member: LiveMember) => number {
  const of = (member: LiveMember) => (shading === "load" ? member.inFlight : Math.max(0, now - member.createdAt));
  // Four requests are no burden: a pool at rest must not look busy.
  const most = Math.max(shading === "load" ? 4 : 1, ...members.map(of));
  return (member) => Math.ceil((of(member) / most) * (SHADES - 1));
}

function columnsOf(grid: HTMLElement | null): number {
  return grid === null ? 1 : getComputedStyle(grid).gridTemplateColumns.split(" ").length;
}

function cellAfter(key: string, at: number, cells: number, columns: number): number | undefined {
  const targets: Readonly<Record<string, number>> = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    Home: 0,
    End: cells - 1,
  };
  const target = targets[key];
  return target === undefined || target < 0 || target >= cells ? undefined : target;
}
