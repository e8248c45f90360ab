/** What the log has of a source of credentials: rotations, and the beginning and end of an outage. */

import { describeError } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import type { AgentLog } from "./log.js";

/** Retries of the source belong to the Keeper; the log need not have each. */
const TOLD_AGAIN_MS = 10 * 60_000;

/** Writes down what comes to be held for `role`, until the function that it gives is called. */
export function tellOfSource(role: string, keeper: Keeper, log: AgentLog): () => void {
  let toldAt: number | undefined;
  const stopRotations = keeper.on("rotated", ({ generation, accessKeyId, expiresAt }) => {
    const expires = Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : "never";
    log.info("new credentials", { role, generation, accessKeyId, expires });
  });
  const stopRefreshes = keeper.on("refresh", ({ outcome, at, error }) => {
    const { source, remainingMs } = keeper.status();
    const secondsLeft = remainingMs === undefined ? undefined : Math.floor(remainingMs / 1000);
    if (outcome !== "failed") {
      if (toldAt !== undefined) log.info("the source answers again", { role, source });
      toldAt = undefined;
    } else if (toldAt === undefined || at - toldAt >= TOLD_AGAIN_MS) {
      toldAt = at;
      log.warn("the source gives no answer", { role, source, secondsLeft, error: describeError(error) });
    }
  });
  return () => {
    stopRotations();
    stopRefreshes();
  };
}
