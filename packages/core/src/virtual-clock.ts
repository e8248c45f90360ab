/**
 * A clock that somebody moves: by hand for tests, or at any speed for simulations, alike in several processes.
 *
 * A virtual instant is a straight line over the host's monotonic clock, which all processes of a host share: "at host
 * time `hostMs` it was `epochMs`, and time has run at `speed` since". That line is a {@link ClockReading}; whoever holds
 * one sees the same time. When the line changes (another speed, a step by hand) the owner sends the new reading to those
 * who follow it.
 */

import { type Clock, type Pauses, systemClock, type Timer } from "./clock.js";
import { createEvents, type Listener } from "./events.js";

/** A straight line through time, good in every process of one host. Plain JSON. */
export interface ClockReading {
  /** Host monotonic time at which the reading was taken, in milliseconds. */
  readonly hostMs: number;
  /** The virtual wall clock at that time, in epoch milliseconds. */
  readonly epochMs: number;
  /** Virtual milliseconds that passed by then; unlike `epochMs` never stepped. */
  readonly elapsedMs: number;
  /** Virtual milliseconds per real one. 0: time moves by hand only. */
  readonly speed: number;
}

export interface VirtualClockOptions {
  /** Where the clock starts, in epoch milliseconds. Default: the host's present. */
  readonly startAt?: number;
  /** Virtual milliseconds per real one. Default 0: time stands until `advance` is called. */
  readonly speed?: number;
  /** Pauses of sockets are real also while time is moved by hand: for clients that are no part of the test. Default false. */
  readonly realNetwork?: boolean;
}

interface Pending {
  /** In elapsed virtual milliseconds. */
  readonly dueAt: number;
  /** Whether somebody waits for it, so that the process must stay. */
  readonly awaited: boolean;
  readonly fire: () => void;
}

type VirtualClockEvents = { changed: ClockReading };

/** CLOCK_MONOTONIC: one value for all processes of a host, unlike `performance.now()`. */
function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export class VirtualClock implements Clock {
  #line: ClockReading;
  readonly #realNetwork: boolean;
  readonly #pending = new Set<Pending>();
  readonly #events = createEvents<VirtualClockEvents>();
  #alarm: NodeJS.Timeout | undefined;

  /** @throws RangeError when `speed` is negative or not finite. */
  constructor(options: VirtualClockOptions = {}) {
    const speed = options.speed ?? 0;
    assertSpeed(speed);
    this.#realNetwork = options.realNetwork ?? false;
    this.#line = { hostMs: hostMs(), epochMs: options.startAt ?? systemClock.now(), elapsedMs: 0, speed };
  }

  /** A clock that shows the time of another process's clock from its reading. Feed later readings to `follow`. */
  static following(reading: ClockReading): VirtualClock {
    const clock = new VirtualClock();
    clock.follow(reading);
    return clock;
  }

  get speed(): number {
    return this.#line.speed;
  }

  now(): number {
    return this.#line.epochMs + this.#sinceReading();
  }

  monotonic(): number {
    return this.#line.elapsedMs + this.#sinceReading();
  }

  /** Real pauses while the clock runs by itself; its own pauses while it is moved by hand, unless `realNetwork` is set. */
  get network(): Pauses {
    return this.#realNetwork || this.#line.speed > 0 ? systemClock.network : this;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        timer.cancel();
        reject(signal?.reason);
      };
      const timer = this.#add(ms, true, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  setTimer(ms: number, fn: () => void): Timer {
    return this.#add(ms, false, fn);
  }

  /** How many sleeps and timers are waiting: 0 after everything that used the clock is closed. */
  get pending(): number {
    return this.#pending.size;
  }

  /** The present line, for another process to follow. */
  reading(): ClockReading {
    return { hostMs: hostMs(), epochMs: this.now(), elapsedMs: this.monotonic(), speed: this.#line.speed };
  }

  /** Takes over the time of the clock that gave this reading. */
  follow(reading: ClockReading): void {
    this.#replace(reading);
  }

  /** Tells each new line; send it to the processes that follow this clock. Returns the way to stop listening. */
  on(event: "changed", listener: Listener<ClockReading>): () => void {
    return this.#events.on(event, listener);
  }

  /** Lets time run at another pace from now on; 0 stops it. */
  setSpeed(speed: number): void {
    assertSpeed(speed);
    this.#replace({ ...this.reading(), speed });
  }

  /**
   * Moves time forward by hand, firing what falls due in its order, each at its own instant; between two of them all
   * promises settle. Resolves when the last has settled.
   */
  async advance(ms: number): Promise<void> {
    const end = this.monotonic() + ms;
    await settled();
    for (let next = this.#earliest(); next !== undefined && next.dueAt <= end; next = this.#earliest()) {
      this.#moveTo(Math.max(next.dueAt, this.monotonic()));
      this.#fireDue();
      await settled();
    }
    this.#moveTo(Math.max(end, this.monotonic()));
    await settled();
  }

  /**
   * Steps the wall clock without letting time pass: what an administrator, NTP or a resumed virtual machine does.
   * Timers do not notice.
   */
  step(ms: number): void {
    const now = this.reading();
    this.#replace({ ...now, epochMs: now.epochMs + ms });
  }

  #sinceReading(): number {
    return this.#line.speed === 0 ? 0 : (hostMs() - this.#line.hostMs) * this.#line.speed;
  }

  #moveTo(elapsedMs: number): void {
    const now = this.reading();
    this.#replace({ ...now, elapsedMs, epochMs: now.epochMs + (elapsedMs - now.elapsedMs) });
  }

  #replace(line: ClockReading): void {
    this.#line = line;
    this.#arm();
    this.#events.emit("changed", line);
  }

  #add(ms: number, awaited: boolean, fire: () => void): Timer {
    const pending: Pending = { dueAt: this.monotonic() + Math.max(0, ms), awaited, fire };
    this.#pending.add(pending);
    this.#arm();
    return {
      cancel: () => {
        if (this.#pending.delete(pending)) this.#arm();
      },
    };
  }

  #earliest(): Pending | undefined {
    let earliest: Pending | undefined;
    for (const pending of this.#pending) {
      if (earliest === undefined || pending.dueAt < earliest.dueAt) earliest = pending;
    }
    return earliest;
  }

  /** Sets the one real timer behind all virtual ones. A clock moved by hand needs none. */
  #arm(): void {
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
    const next = this.#earliest();
    if (next === undefined || this.#line.speed === 0) return;
    const realMs = Math.max(0, (next.dueAt - this.monotonic()) / this.#line.speed);
    this.#alarm = setTimeout(
      () => {
        this.#fireDue();
        this.#arm();
      },
      Math.min(realMs, 2 ** 31 - 1),
    );
    if (![...this.#pending].some((pending) => pending.awaited)) this.#alarm.unref();
  }

  #fireDue(): void {
    const now = this.monotonic();
    const due = [...this.#pending].filter((pending) => pending.dueAt <= now).sort((a, b) => a.dueAt - b.dueAt);
    for (const pending of due) {
      if (this.#pending.delete(pending)) pending.fire();
    }
  }
}

function assertSpeed(speed: number): void {
  if (!(speed >= 0 && Number.isFinite(speed))) {
    throw new RangeError(`speed is ${speed}: expected a number of virtual milliseconds per real one, 0 or more`);
  }
}

/** Two turns of the event loop: promises chained on promises, and what they scheduled with `setImmediate`, are done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
}
