/** The figures of a Keeper: read from its status when metrics are collected, counted from its events. */

import type { Keeper, KeeperState, KeeperStatus, RefreshOutcome, RefreshTrigger } from "@evertoken/credentials";
import { measureImds } from "./imds.js";
import type { Instrumentation } from "./instruments.js";
import { survivalMs } from "./survival.js";

const STATES: readonly KeeperState[] = ["empty", "fresh", "advisory", "mandatory", "expired", "rejected"];
const TRIGGERS: readonly RefreshTrigger[] = [...STATES, "requested"];

/** @returns the way to stop. */
export function measureKeeper(keeper: Keeper, to: Instrumentation): () => void {
  const { meters, spans, name } = to;
  const { refreshes, refreshDuration, rejections } = meters.instruments;
  let lastSuccessAt = succeededAt(keeper.status());
  // So that the first failure is a rise from zero, not a series that begins at one.
  for (const trigger of TRIGGERS)
    refreshes.add(0, { keeper: name, outcome: "failed" satisfies RefreshOutcome, trigger });
  rejections.add(0, { keeper: name });
  const stops = [
    keeper.on("refresh", (refresh) => {
      const { at, outcome, trigger, durationMs } = refresh;
      if (outcome !== "failed") lastSuccessAt = at;
      refreshes.add(1, { keeper: name, outcome, trigger });
      refreshDuration.record(durationMs / 1000, { keeper: name, outcome });
      spans.refresh(refresh, name);
    }),
    keeper.on("rejected", () => rejections.add(1, { keeper: name })),
    measureImds((tell) => keeper.on("imdsRequest", tell), to),
    meters.readGauges(
      ["expiration", "received", "lastRotation", "lastRefresh", "survival", "state", "skew"],
      (tell) => {
        const status = keeper.status();
        const { expiresAt, receivedAt, generation, skewMs, sourceKind } = status;
        const labels = { keeper: name, source: sourceKind ?? "other" };
        tell("expiration", inSeconds(expiresAt), labels);
        tell("received", inSeconds(receivedAt), labels);
        tell("lastRotation", generation > 1 ? inSeconds(receivedAt) : undefined, labels);
        tell("lastRefresh", inSeconds(lastSuccessAt), labels);
        tell("survival", inSeconds(survivalMs(status)), labels);
        tell("skew", inSeconds(skewMs), { keeper: name });
        for (const state of STATES) tell("state", state === status.state ? 1 : 0, { keeper: name, state });
      },
    ),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** When the source last answered, for a Keeper that has been at work before. */
function succeededAt({ lastRefresh, receivedAt }: KeeperStatus): number | undefined {
  return lastRefresh === undefined || lastRefresh.outcome === "failed" ? receivedAt : lastRefresh.at;
}

function inSeconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
