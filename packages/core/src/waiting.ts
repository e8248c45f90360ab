/**
 * Waiting for something shared: one caller may give up, or lose patience, without the others noticing, because what they
 * wait for together is never told.
 */

import type { Pauses } from "./clock.js";

/** Settles as `shared` does, or with the signal's reason as soon as `signal` aborts. */
export function abortable<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    const stopListening = () => signal.removeEventListener("abort", onAbort);
    shared.then(resolve, reject).then(stopListening, stopListening);
  });
}

/**
 * Waits for `shared` at most `ms` milliseconds: true when it settled in time, whatever came of it.
 * @throws the signal's reason as soon as `signal` aborts.
 */
export async function settlesWithin(
  shared: Promise<unknown>,
  ms: number,
  pauses: Pauses,
  signal?: AbortSignal,
): Promise<boolean> {
  const patience = new AbortController();
  const inTime = shared.then(
    () => true,
    () => true,
  );
  const tooLate = pauses.sleep(ms, patience.signal).then(
    () => false,
    () => false,
  );
  try {
    return await abortable(Promise.race([inTime, tooLate]), signal);
  } finally {
    patience.abort();
  }
}
