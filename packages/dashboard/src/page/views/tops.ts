/** One scale for the charts that stand side by side: a lane that fails a thousand times as often must look like it. */

import { roomAbove } from "../charts/units.js";
import type { Bucket } from "../live/history.js";
import type { Drawn, Tops } from "./lane.js";

export function topsOf(lanes: readonly Drawn[]): Tops {
  const highest = (bars: (drawn: Drawn) => readonly Bucket[], of: (bar: Bucket) => number) =>
    roomAbove(lanes.reduce((top, drawn) => bars(drawn).reduce((most, bar) => Math.max(most, of(bar)), top), 0));
  const bars = (drawn: Drawn) => drawn.bars;
  return {
    answers: highest(bars, ({ answers }) => Object.values(answers).reduce((sum, times) => sum + times, 0)),
    requests: highest(bars, ({ requests, failures }) => Math.max(requests, failures)),
    latency: highest(bars, ({ requestP50Ms = 0, requestP99Ms = 0, refreshMs = 0 }) =>
      Math.max(requestP50Ms, requestP99Ms, refreshMs),
    ),
    stale: highest(bars, ({ surfaced, replays }) => surfaced + replays),
    survival: highest(
      ({ fine }) => fine,
      ({ survivalMs = 0 }) => survivalMs,
    ),
  };
}
