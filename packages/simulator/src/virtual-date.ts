/**
 * Makes the global `Date` follow a clock, for code under test that cannot be handed one, like another SDK. Sockets and
 * `setTimeout` stay real.
 */

import type { Clock } from "@evertoken/core";

/** @returns the way back to the real `Date`. */
export function followClock(clock: Clock): () => void {
  const RealDate = globalThis.Date;
  /** `new Date(…)` constructs; plain `Date()` gives the present as text. */
  const VirtualDate = new Proxy(RealDate, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [clock.now()] : args, newTarget),
    apply: () => new RealDate(clock.now()).toString(),
    get: (target, property, receiver) => (property === "now" ? now : Reflect.get(target, property, receiver)),
  });
  const now = () => Math.floor(clock.now());
  install(VirtualDate);
  return () => {
    if (globalThis.Date === VirtualDate) install(RealDate);
  };
}

/** Both classes share one prototype, whose `constructor` is how some code asks whether a value is a date. */
function install(date: DateConstructor): void {
  globalThis.Date = date;
  Object.defineProperty(date.prototype, "constructor", { value: date });
}
