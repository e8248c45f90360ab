/**
 * The ribbon: each generation of credentials as a bar from its issue to its end. Solid while it was the one in use, pale
 * where others had taken its place or it is still to come, striped once asking for the next begins, red from a rejection on.
 */

import type { LiveGeneration, LiveKeeper } from "@evertoken/telemetry/live";
import { useContext, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Shown } from "../ui/preferences.js";
import { clockFace, dayName, instant, type Zone } from "../words/instants.js";
import { spokenLength } from "../words/lengths.js";
import { counted } from "../words/numbers.js";
import { rowsFor } from "./rows.js";

const ROW = 12;
const GAP = 4;
const AXIS = 24;
/** Six hours of life, rotated hourly, are seven at a time; space is kept for them, so that nothing moves when they come. */
const USUAL_ROWS = 7;
const MOST_ROWS = 12;

export interface RibbonProps {
  readonly keeper: LiveKeeper;
  readonly now: number;
  readonly rangeMs: number;
}

interface Bar {
  readonly held: LiveGeneration;
  readonly start: number;
  /** When the next was taken; for the newest: now. */
  readonly usedUntil: number;
  readonly end: number;
  readonly isNewest: boolean;
}

export function Ribbon({ keeper, now, rangeMs }: RibbonProps) {
  const { zone } = useContext(Shown);
  const [width, place] = useWidth();
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const bars = barsOf(keeper.generations, now);
  const from = now - rangeMs;
  const lastEnd = Math.max(now, ...bars.map(({ end }) => (Number.isFinite(end) ? end : now)));
  const to = Math.max(now + rangeMs / 8, Math.min(lastEnd + rangeMs / 16, now + rangeMs));
  const visible = bars.filter(({ end }) => end >= from);
  const rows = steadyRows(visible, rangeMs / 100);
  const used = Math.min(MOST_ROWS, Math.max(USUAL_ROWS, ...rows.map((row) => row + 1)));
  const height = used * (ROW + GAP) + AXIS;
  const scale = (at: number) => ((Math.min(to, Math.max(from, at)) - from) / (to - from)) * width;
  const told = visible.find(({ held }) => held.generation === pointed) ?? visible.at(-1);
  return (
    <div class="ribbon">
      <svg
        ref={place}
        class="ribbon-bars"
        role="img"
        aria-label={summaryOf(keeper, now, zone)}
        height={height}
        onPointerLeave={() => setPointed(undefined)}
      >
        <Stripes />
        <TimeAxis from={from} to={to} width={width} nowX={scale(now)} y={height - AXIS} zone={zone} />
        {visible.map((bar, index) => (
          <RibbonBar
            key={bar.held.generation}
            bar={bar}
            y={((rows[index] ?? 0) % MOST_ROWS) * (ROW + GAP)}
            scale={scale}
            isPointed={bar.held.generation === pointed}
            onPoint={() => setPointed(bar.held.generation)}
          />
        ))}
        <line class="ribbon-now" x1={scale(now)} x2={scale(now)} y1={0} y2={height - AXIS + 4} />
        <text class="ribbon-now-label" x={scale(now)} y={height - 8} text-anchor="middle">
          now
        </text>
      </svg>
      <p class="ribbon-told">{told === undefined ? "No credentials in this time." : describe(told, now, zone)}</p>
      <Generations name={keeper.name} bars={bars} now={now} zone={zone} />
    </div>
  );
}

function barsOf(generations: readonly LiveGeneration[], now: number): Bar[] {
  return generations.map((held, index) => {
    const next = generations[index + 1];
    return {
      held,
      start: Math.min(held.issuedAt ?? held.takenAt, held.takenAt),
      usedUntil: next?.takenAt ?? now,
      end: held.expiresAt ?? Number.POSITIVE_INFINITY,
      isNewest: next === undefined,
    };
  });
}

/** Counted from a generation's number on, so that a bar stays in its row when those before it leave. */
function steadyRows(bars: readonly Bar[], apart: number): number[] {
  const rows = rowsFor(bars.map(({ start, end }) => ({ from: start, to: end + apart })));
  const used = Math.max(1, ...rows.map((row) => row + 1));
  const first = (bars[0]?.held.generation ?? 1) - 1;
  return rows.map((row) => (row + first) % used);
}

interface RibbonBarProps {
  readonly bar: Bar;
  readonly y: number;
  readonly scale: (at: number) => number;
  readonly isPointed: boolean;
  readonly onPoint: () => void;
}

function RibbonBar({ bar, y, scale, isPointed, onPoint }: RibbonBarProps) {
  const { held, start, usedUntil, end, isNewest } = bar;
  const part = (name: string, from: number, to: number, inset = 0) => {
    const [left, right] = [scale(from), scale(to)];
    if (right - left < 0.5) return null;
    return <rect class={name} x={left} y={y + inset} width={right - left} height={ROW - 2 * inset} rx={2} />;
  };
  const { advisoryAt = end, rejectedAt } = held;
  const goodUntil = Math.min(end, rejectedAt ?? end);
  const usedTo = Math.min(usedUntil, goodUntil);
  return (
    <g class={isPointed ? "generation is-pointed" : "generation"} onPointerEnter={onPoint}>
      {part("generation-issued", start, held.takenAt, 4)}
      {part("generation-left", held.takenAt, Math.min(advisoryAt, goodUntil))}
      {part("generation-advisory", advisoryAt, goodUntil)}
      {part(isNewest ? "generation-used is-newest" : "generation-used", held.takenAt, usedTo)}
      {rejectedAt === undefined ? null : part("generation-rejected", rejectedAt, Math.max(end, rejectedAt))}
      {rejectedAt === undefined ? null : <Cross x={scale(rejectedAt)} y={y + ROW / 2} />}
      {Number.isFinite(end) ? (
        <line class="generation-end" x1={scale(end)} x2={scale(end)} y1={y} y2={y + ROW} />
      ) : null}
    </g>
  );
}

function Cross({ x, y }: { readonly x: number; readonly y: number }) {
  return <path class="generation-cross" d={`M${x - 4} ${y - 4}l8 8m0-8l-8 8`} />;
}

/** The pattern's name is the document's, and lanes are several. */
function Stripes() {
  return (
    <defs>
      <pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect class="stripes-ground" width="6" height="6" />
        <rect class="stripes-line" width="2" height="6" />
      </pattern>
    </defs>
  );
}

const STEPS_MS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880].map((minutes) => minutes * 60_000);

interface TimeAxisProps {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly nowX: number;
  readonly y: number;
  readonly zone: Zone;
}

function TimeAxis({ from, to, width, nowX, y, zone }: TimeAxisProps) {
  const most = Math.max(1, width / 80);
  const step = STEPS_MS.find((ms) => (to - from) / ms <= most) ?? 2880 * 60_000;
  const offset = zone === "utc" ? 0 : new Date(from).getTimezoneOffset() * 60_000;
  const first = Math.ceil((from - offset) / step) * step + offset;
  const ticks = Array.from(
    { length: Math.max(0, Math.floor((to - first) / step) + 1) },
    (_, index) => first + index * step,
  );
  const label = (at: number) => (clockFace(at, zone) === "00:00" ? dayName(at, zone) : clockFace(at, zone));
  return (
    <g class="ribbon-axis">
      {ticks.map((at) => {
        const x = ((at - from) / (to - from)) * width;
        // Next to the edge a label would be cut off, and next to the present be over its own.
        const isWhole = x > 24 && x < width - 24 && Math.abs(x - nowX) > 48;
        return (
          <g key={at}>
            <line x1={x} x2={x} y1={0} y2={y + 4} />
            {isWhole ? (
              <text x={x} y={y + 16} text-anchor="middle">
                {label(at)}
              </text>
            ) : null}
          </g>
        );
      })}
    </g>
  );
}

function summaryOf({ generations, name }: LiveKeeper, now: number, zone: Zone): string {
  const newest = generations.at(-1);
  if (newest === undefined) return `Generations of credentials of ${name}: none yet`;
  const rejected = generations.filter(({ rejectedAt }) => rejectedAt !== undefined).length;
  const end = newest.expiresAt === undefined ? "do not end" : `end ${instant(newest.expiresAt, now, zone)}`;
  return `${counted(generations.length, "generation")} of credentials of ${name}, ${rejected} rejected; the newest ${end}`;
}

function describe({ held, usedUntil, isNewest }: Bar, now: number, zone: Zone): string {
  const { generation, accessKeyId, takenAt, expiresAt, rejectedAt, issuedAt } = held;
  const parts = [
    accessKeyId === "" ? `Generation ${generation}:` : `Generation ${generation}, ${accessKeyId}:`,
    issuedAt === undefined ? "" : `issued ${instant(issuedAt, now, zone)},`,
    `taken ${instant(takenAt, now, zone)},`,
    isNewest ? "in use," : `in use for ${spokenLength(usedUntil - takenAt)},`,
    rejectedAt === undefined ? "" : `rejected ${instant(rejectedAt, now, zone)},`,
    expiresAt === undefined ? "does not end" : `${expiresAt > now ? "ends" : "ended"} ${instant(expiresAt, now, zone)}`,
  ];
  return `${parts.filter(Boolean).join(" ")}.`;
}

interface GenerationsProps {
  readonly name: string;
  readonly bars: readonly Bar[];
  readonly now: number;
  readonly zone: Zone;
}

/** The same for whoever does not see the bars, and for copying. */
function Generations({ name, bars, now, zone }: GenerationsProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const time = (at: number | undefined) => (at === undefined ? "–" : instant(at, now, zone));
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary aria-controls={id}>As a table</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section id={id} class="scrolled" aria-label={`Table of the generations of ${name}`} tabIndex={0}>
        {isOpen ? (
          <table>
            <thead>
              <tr>
                {["Generation", "Access key", "Issued", "Taken", "Advisory", "End", "Rejected"].map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {bars.toReversed().map(({ held }) => (
                <tr key={held.generation}>
                  <th scope="row">{held.generation}</th>
                  <td class="key">{held.accessKeyId === "" ? "–" : held.accessKeyId}</td>
                  <td>{time(held.issuedAt)}</td>
                  <td>{time(held.takenAt)}</td>
                  <td>{time(held.advisoryAt)}</td>
                  <td>{time(held.expiresAt)}</td>
                  <td>{time(held.rejectedAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        ) : null}
      </section>
    </details>
  );
}

function useWidth(): [number, { current: SVGSVGElement | null }] {
  const place = useRef<SVGSVGElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => setWidth(element.clientWidth);
    measure();
    const resized = new ResizeObserver(measure);
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  return [width, place];
}
