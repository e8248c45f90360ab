/** Watching a category: yields its value whenever it has changed, at a pace that nobody else on the host will notice. */

import { type Clock, InvalidInputError, jittered, type Random } from "@evertoken/core";
import { ImdsError } from "./errors.js";
import { assertPath } from "./options.js";
import type { Read } from "./role-credentials.js";

/** EC2 announces spot interruptions two minutes ahead and recommends to look every five seconds. */
const INTERVAL_MS = 5000;

/** While IMDS fails there is nothing to see: look less often. */
const INTERVAL_AFTER_FAILURE_MS = 30_000;

/** Nothing that IMDS tells changes faster, and the request budget is shared with the credentials. */
const SHORTEST_INTERVAL_MS = 1000;

export interface WatchOptions {
  /** Ends the watch: the iteration is over, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How often to look, in milliseconds, ± 10 %: 1000 or more. Default 5000, and 30,000 while IMDS fails. */
  readonly intervalMs?: number | undefined;
}

type Watch = AsyncGenerator<string | undefined, void, void>;

/**
 * @yields the text of the category, first as it is now and then at each change; undefined while there is none (404).
 * @throws InvalidInputError at once, for a path or interval that is not one.
 */
export function watch(
  path: string,
  read: Read,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
  { signal, intervalMs = INTERVAL_MS }: WatchOptions,
): Watch {
  assertPath(path);
  if (!(intervalMs >= SHORTEST_INTERVAL_MS && Number.isFinite(intervalMs))) {
    const message = `is ${intervalMs}: expected milliseconds, ${SHORTEST_INTERVAL_MS} or more`;
    throw new InvalidInputError("watch options", [{ field: "intervalMs", message }]);
  }
  const pause = (ms: number) => clock.sleep(jittered(ms, 0.1, random), signal);
  return looking(() => read(path, (text) => text, { signal, attempts: 1 }), pause, { signal, intervalMs });
}

async function* looking(
  look: () => Promise<string>,
  pause: (ms: number) => Promise<void>,
  { signal, intervalMs }: WatchOptions & { readonly intervalMs: number },
): Watch {
  let last: { readonly text: string | undefined } | undefined;
  while (!signal?.aborted) {
    let pauseMs = intervalMs;
    try {
      const text = await look();
      if (last === undefined || text !== last.text) yield text;
      last = { text };
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof ImdsError) || error.code === "IMDS_DISABLED") throw error;
      if (error.code === "IMDS_NOT_FOUND") {
        if (last === undefined || last.text !== undefined) yield undefined;
        last = { text: undefined };
      } else pauseMs = Math.max(intervalMs, INTERVAL_AFTER_FAILURE_MS);
    }
    try {
      await pause(pauseMs);
    } catch {
      return;
    }
  }
}
