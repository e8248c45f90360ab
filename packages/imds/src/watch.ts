/** Watching a category: yields its value whenever it has changed, at a pace that nobody else on the host will notice. */

import { type Clock, jittered, type Random } from "@evertoken/core";
import { ImdsError } from "./errors.js";
import type { GetOptions } from "./role-credentials.js";

/** EC2 announces spot interruptions two minutes ahead and recommends to look every five seconds. */
const INTERVAL_MS = 5000;

/** While IMDS fails there is nothing to see: look less often. */
const INTERVAL_AFTER_FAILURE_MS = 30_000;

export interface WatchOptions {
  /** Ends the watch: the iteration is over, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How often to look, in milliseconds, ± 10 %. Default 5000, and 30,000 while IMDS fails. */
  readonly intervalMs?: number | undefined;
}

/**
 * @param read one reading of the category.
 * @yields its text, first as it is now and then at each change; undefined while there is none (404).
 */
export async function* watch(
  read: (options: GetOptions) => Promise<string>,
  { clock, random }: { clock: Clock; random: Random },
  { signal, intervalMs = INTERVAL_MS }: WatchOptions,
): AsyncGenerator<string | undefined, void, void> {
  let last: { readonly text: string | undefined } | undefined;
  while (!signal?.aborted) {
    let pause = intervalMs;
    try {
      const text = await read({ signal, attempts: 1 });
      if (last === undefined || text !== last.text) yield text;
      last = { text };
    } catch (error) {
      if (signal?.aborted) return;
      if (!(error instanceof ImdsError) || error.code === "IMDS_DISABLED") throw error;
      if (error.code === "IMDS_NOT_FOUND") {
        if (last === undefined || last.text !== undefined) yield undefined;
        last = { text: undefined };
      } else pause = Math.max(intervalMs, INTERVAL_AFTER_FAILURE_MS);
    }
    try {
      await clock.sleep(jittered(pause, 0.1, random), signal);
    } catch {
      return;
    }
  }
}
