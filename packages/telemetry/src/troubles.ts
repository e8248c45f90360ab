/** What a process cannot do at the moment although it serves: the agent's files on a full disk. */

import { type MeterProvider, metrics } from "@opentelemetry/api";
import { Meters } from "./instruments.js";

export interface ObservedTrouble {
  /** Becomes a label: one of a few names that are fixed beforehand. */
  readonly about: string;
  /** In epoch milliseconds. */
  readonly since: number;
}

/**
 * Measures since when each trouble lasts; those that are over are gone with the next collection.
 * @param current is asked at each collection.
 * @returns the way to stop.
 */
export function observeTroubles(
  current: () => readonly ObservedTrouble[],
  { meterProvider = metrics.getMeterProvider() }: { readonly meterProvider?: MeterProvider | undefined } = {},
): () => void {
  return Meters.of(meterProvider).readGauges(["troubleStart"], (tell) => {
    for (const { about, since } of current()) tell("troubleStart", since / 1000, { about });
  });
}
