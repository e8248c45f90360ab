/**
 * The line to the observed process: server-sent events, called again with growing pauses when it breaks, when it goes
 * silent without breaking, and at once when a laptop wakes up. The browser's own reconnecting does none of the three.
 */

import type { Hello, Tick, Told } from "@evertoken/telemetry/live";
import type { Time } from "../browser-time.js";

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "live" }
  /** Called again at `retryAt`. */
  | { readonly kind: "waiting"; readonly retryAt: number };

export interface FeedListener {
  hello(hello: Hello): void;
  tick(tick: Tick): void;
  told(told: Told): void;
  connection(connection: Connection): void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** A line that says nothing for so many ticks, and for so long, is dead. */
const SILENT_TICKS = 5;
const SILENT_MS = 5000;
const BEAT_MS = 1000;
/** How long a call may ring. */
const ANSWER_WITHIN_MS = 10_000;

export class Feed {
  readonly #url: string;
  readonly #time: Time;
  readonly #listener: FeedListener;
  #source: EventSource | undefined;
  #heardAt = 0;
  #allowedSilenceMs = ANSWER_WITHIN_MS;
  #failures = 0;
  #callOff: () => void = () => {};
  readonly #endings: (() => void)[] = [];

  constructor(url: string, time: Time, listener: FeedListener) {
    this.#url = url;
    this.#time = time;
    this.#listener = listener;
    this.#endings.push(time.every(BEAT_MS, () => this.#judgeSilence()));
    const listen = (target: EventTarget, type: string, act: () => void) => {
      target.addEventListener(type, act);
      this.#endings.push(() => target.removeEventListener(type, act));
    };
    listen(document, "visibilitychange", () => this.#wake());
    listen(window, "online", () => this.#wake());
    listen(window, "pageshow", () => this.#wake());
    this.#call();
  }

  /** Calls now instead of after the pause. */
  retry(): void {
    if (this.#source === undefined) this.#call();
  }

  close(): void {
    this.#callOff();
    this.#hangUp();
    for (const end of this.#endings.splice(0)) end();
  }

  #call(): void {
    this.#callOff();
    this.#heardAt = this.#time.now();
    this.#allowedSilenceMs = ANSWER_WITHIN_MS;
    this.#listener.connection({ kind: "connecting" });
    const source = new EventSource(this.#url);
    this.#source = source;
    const on = <T>(type: string, act: (value: T) => void) =>
      source.addEventListener(type, (event: MessageEvent<string>) => {
        if (this.#source !== source) return;
        this.#heardAt = this.#time.now();
        act(JSON.parse(event.data));
      });
    on<Hello>("hello", (hello) => {
      this.#failures = 0;
      this.#allowedSilenceMs = Math.max(SILENT_MS, SILENT_TICKS * hello.tickMs);
      this.#listener.hello(hello);
      this.#listener.connection({ kind: "live" });
    });
    on<Tick>("tick", (tick) => this.#listener.tick(tick));
    on<Told>("told", (told) => this.#listener.told(told));
    source.addEventListener("error", () => {
      if (this.#source === source) this.#fail();
    });
  }

  #fail(): void {
    this.#hangUp();
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures);
    this.#failures += 1;
    // Whoever lost the same process must not all come back at the same moment.
    const pauseMs = pause * (0.75 + 0.5 * this.#time.random());
    this.#listener.connection({ kind: "waiting", retryAt: this.#time.now() + pauseMs });
    this.#callOff = this.#time.after(pauseMs, () => this.#call());
  }

  #hangUp(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  #judgeSilence(): void {
    if (this.#source !== undefined && this.#time.now() - this.#heardAt > this.#allowedSilenceMs) this.#fail();
  }

  /** After a sleep the line may be dead without knowing, and a pause may have stood still. */
  #wake(): void {
    if (document.visibilityState === "hidden") return;
    if (this.#source === undefined) this.#call();
    else if (this.#time.now() - this.#heardAt > this.#allowedSilenceMs) {
      this.#hangUp();
      this.#call();
    }
  }
}
