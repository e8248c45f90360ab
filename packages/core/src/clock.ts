/**
 * Time, as every room is told it.
 *
 * Nothing outside this package reads `Date.now`, `performance.now` or starts a timer: a {@link Clock} is handed in, so
 * that a test can move time by hand and a simulation can let a day pass in a minute.
 *
 * Two paces are kept apart. The clock itself gives instants and pauses ("ask again in five minutes"). `clock.network`
 * gives the pace at which sockets live ("give up after one second"): the same for the system clock, but always real for
 * a clock that runs fast, because a fast clock does not make packets faster.
 */

/** A timer that has been set. Cancelling twice, or after it has fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Ways to wait. */
export interface Pauses {
  /** Milliseconds since an arbitrary origin; never goes back, whatever happens to the wall clock. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds. Somebody is waiting for it, so it keeps the process alive.
   * @throws the signal's reason, at once, when `signal` aborts.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Calls `fn` once after `ms` milliseconds. Nobody is waiting for it, so it never keeps the process alive. */
  setTimer(ms: number, fn: () => void): Timer;
}

export interface Clock extends Pauses {
  /** The wall-clock instant, in milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** The pace of sockets: use it for time-outs and latencies. */
  readonly network: Pauses;
}

/** `setTimeout` cannot wait longer than this; it would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      clearTimeout(timeout);
      reject(signal?.reason);
    };
    const timeout = setTimeout(
      () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      },
      Math.min(ms, LONGEST_TIMEOUT_MS),
    );
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function setTimer(ms: number, fn: () => void): Timer {
  const timeout = setTimeout(fn, Math.min(ms, LONGEST_TIMEOUT_MS)).unref();
  return { cancel: () => clearTimeout(timeout) };
}

const pauses: Pauses = { monotonic: () => performance.now(), sleep, setTimer };

/** The host's own clock: the default everywhere. */
export const systemClock: Clock = Object.freeze({ ...pauses, now: () => Date.now(), network: pauses });

/** Calls `fn` every `ms` milliseconds until it is cancelled. Like any timer it never keeps the process alive. */
export function every(ms: number, fn: () => void, pauses: Pauses = systemClock): Timer {
  let timer = pauses.setTimer(ms, function again() {
    timer = pauses.setTimer(ms, again);
    fn();
  });
  return { cancel: () => timer.cancel() };
}
