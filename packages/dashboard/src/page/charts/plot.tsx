/**
 * One chart: uPlot on a canvas of fixed height, with its legend as text beside it. The legend tells the sums of what is
 * shown, or the values under the pointer; the arrow keys move the pointer too.
 */

import { useContext, useLayoutEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { Shown } from "../ui/preferences.js";
import { clockFace, dayName, type Zone } from "../words/instants.js";
import { type Colour, paletteOf } from "./palette.js";
import { latencyRange, powersOfTen, roomAbove, UNITS, type UnitName } from "./units.js";

export interface PlotSeries {
  readonly label: string;
  readonly colour: Colour;
  /** One for each `x`; null is a gap. */
  readonly values: readonly (number | null)[];
  /** Beside its name in the legend while nothing is pointed at. */
  readonly summary: string;
  /** Told so seldom that gaps mean nothing. */
  readonly isSparse?: boolean;
}

export interface PlotProps {
  readonly title: string;
  /** What a screen reader says of it. */
  readonly summary: string;
  readonly kind: "bars" | "lines";
  /** Epoch milliseconds. */
  readonly x: readonly number[];
  readonly from: number;
  readonly to: number;
  readonly series: readonly PlotSeries[];
  readonly unit: UnitName;
  /** Charts that are compared share their scale. */
  readonly top?: number | undefined;
  /** Instead of the chart where there is nothing to draw. */
  readonly empty?: string | undefined;
}

export function Plot(props: PlotProps) {
  const { title, summary, series, unit, x, empty } = props;
  const { zone } = useContext(Shown);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const plot = useRef<uPlot | undefined>(undefined);
  const at = pointed === undefined ? undefined : x[pointed];
  const point = (step: number) => {
    const next = Math.min(x.length - 1, Math.max(0, (pointed ?? x.length) + step));
    const left = plot.current?.valToPos(x[next] ?? 0, "x");
    if (left !== undefined) plot.current?.setCursor({ left: left + 1, top: 0 });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft") point(-1);
    else if (event.key === "ArrowRight") point(1);
    else if (event.key === "Escape") plot.current?.setCursor({ left: -10, top: -10 });
    else return;
    event.preventDefault();
  };
  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        <span class="plot-at">{at === undefined ? "" : clockFace(at, zone)}</span>
        <ul class="legend">
          {series.map(({ label, colour, values, summary: total }) => (
            <li key={label}>
              <span class={`swatch of-${colour}`} />
              {label} <b>{pointed === undefined ? total : shown(values[pointed], unit)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move its pointer */}
      <div class="plot-area" role="img" aria-label={`${title}: ${summary}`} tabIndex={0} onKeyDown={onKeyDown}>
        <Canvas {...props} onPoint={setPointed} plot={plot} />
        {empty === undefined ? null : <p class="plot-empty">{empty}</p>}
      </div>
    </figure>
  );
}

function shown(value: number | null | undefined, unit: UnitName): string {
  return value === null || value === undefined ? "–" : UNITS[unit].tell(value);
}

interface CanvasProps extends PlotProps {
  readonly onPoint: (index: number | undefined) => void;
  readonly plot: { current: uPlot | undefined };
}

function Canvas({ kind, x, from, to, series, unit, top, onPoint, plot }: CanvasProps) {
  const { zone, isDark } = useContext(Shown);
  const place = useRef<HTMLDivElement>(null);
  const highest = useRef(top);
  highest.current = top;
  const shape = series.map(({ label, colour }) => `${label} ${colour}`).join();

  // Another look or other series are another plot; new data are not.
  useLayoutEffect(() => {
    const host = place.current;
    if (host === null) return;
    const options = optionsFor({ host, kind, series, zone, unit, onPoint, highest });
    const made = new uPlot(options, [[]], host);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height: host.clientHeight }));
    resized.observe(host);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
  }, [kind, shape, zone, isDark]);

  // Before the next frame too: a plot that was just made is empty.
  useLayoutEffect(() => {
    const made = plot.current;
    if (made === undefined) return;
    made.batch(() => {
      made.setData([x as number[], ...(kind === "bars" ? stacked(series) : unstacked(series))], false);
      made.setScale("x", { min: from, max: to });
    });
  });

  return <div class="plot-canvas" ref={place} aria-hidden="true" />;
}

/** Each series stands on those after it; the tallest is painted first, and the others over it. */
function stacked(series: readonly PlotSeries[]): number[][] {
  const columns = series.map(({ values }) => values.map((value) => value ?? 0));
  for (let index = columns.length - 2; index >= 0; index--) {
    const [below = [], column = []] = [columns[index + 1], columns[index]];
    columns[index] = column.map((value, place) => value + (below[place] ?? 0));
  }
  return columns;
}

function unstacked(series: readonly PlotSeries[]): (number | null)[][] {
  return series.map(({ values }) => values as (number | null)[]);
}

interface Look {
  readonly host: HTMLElement;
  readonly kind: PlotProps["kind"];
  readonly series: readonly PlotSeries[];
  readonly zone: Zone;
  readonly onPoint: (index: number | undefined) => void;
  readonly unit: UnitName;
  readonly highest: { readonly current: number | undefined };
}

const FONT = '11px Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

function optionsFor({ host, kind, series, zone, unit, onPoint, highest }: Look): uPlot.Options {
  const palette = paletteOf(host);
  const { label, steps, isLogarithmic } = UNITS[unit];
  const axis: uPlot.Axis = {
    stroke: palette.muted,
    font: FONT,
    grid: { stroke: palette.grid, width: 1 },
    ticks: { show: false },
    border: { show: false },
  };
  return {
    width: Math.max(1, host.clientWidth),
    height: Math.max(1, host.clientHeight),
    ms: 1,
    padding: [8, 20, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false, setScale: false },
      points: { show: kind === "lines", size: 6 },
    },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true, auto: false },
      y: {
        distr: isLogarithmic ? 3 : 1,
        range: (_plot, min, max) =>
          isLogarithmic ? latencyRange(min, highest.current ?? max) : [0, highest.current ?? roomAbove(max)],
      },
    },
    tzDate: (at) => (zone === "utc" ? uPlot.tzDate(new Date(at), "Etc/UTC") : new Date(at)),
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        gap: 4,
        space: 72,
        values: (_plot, splits) => timeLabels(splits, zone),
      },
      {
        ...axis,
        size: 48,
        gap: 6,
        space: 32,
        ...(isLogarithmic ? { splits: (_plot, _axis, min, max) => powersOfTen(min, max) } : { incrs: steps }),
        values: (_plot, splits) => splits.map(label),
      },
    ],
    series: [
      {},
      ...series.map((one) =>
        kind === "bars" ? bars(one, palette[one.colour]) : line(one, palette[one.colour], isLogarithmic),
      ),
    ],
    hooks: {
      setCursor: [
        ({ cursor }) => onPoint(cursor.left === undefined || cursor.left < 0 ? undefined : (cursor.idx ?? undefined)),
      ],
    },
  };
}

function bars({ label }: PlotSeries, fill: string): uPlot.Series {
  const paths = uPlot.paths.bars?.({ size: [0.72, 16], align: 1, radius: 0.1 });
  return { label, fill, width: 0, points: { show: false }, ...(paths === undefined ? {} : { paths }) };
}

/** Of the width: ticks of a clock that runs fast lie far apart, and that is no gap. */
const LEAST_GAP = 0.15;

function line({ label, isSparse = false }: PlotSeries, stroke: string, isLogarithmic: boolean): uPlot.Series {
  return {
    label,
    stroke,
    width: 1.5,
    spanGaps: isSparse,
    gaps: ({ bbox }, _series, _first, _last, gaps) => gaps.filter(([from, to]) => to - from > LEAST_GAP * bbox.width),
    points: { show: false },
    // What lies below a line on a logarithmic scale means nothing.
    ...(isLogarithmic ? {} : { fill: `${stroke}1f` }),
  };
}

/** Midnight is told as the day that begins. */
function timeLabels(splits: readonly number[], zone: Zone): string[] {
  return splits.map((at) => {
    const face = clockFace(at, zone);
    return face === "00:00" ? dayName(at, zone) : face;
  });
}
