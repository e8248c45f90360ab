/**
 * What is recorded, to browsers, by server-sent events: everything at once to who connects, then what is new. A reader that does not
 * keep up is let go instead of waited for: it comes back, and gets everything again.
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */

import type { ServerResponse } from "node:http";
import { type Clock, every, systemClock, type Timer } from "@evertoken/core";
import type { LiveFeed } from "@evertoken/telemetry/live";
import { GUARDED } from "./answers.js";

export interface LiveStreamOptions {
  readonly clock?: Clock;
  /** How many may read at a time. Default 32. */
  readonly mostReaders?: number;
}

/** Browsers come back this soon. */
const RETRY_MS = 1000;

/** So that a reader notices that the line is dead, and whatever stands in between does not take it for idle. */
const HEARTBEAT_MS = 15_000;

/** What a reader may be behind beside what it is greeted with. Sockets on loopback hold some more. */
const MOST_BEHIND_BYTES = 1 << 20;

export class LiveStream {
  readonly #feed: LiveFeed;
  readonly #most: number;
  /** Each with what it was greeted with, in bytes. */
  readonly #readers = new Map<ServerResponse, number>();
  readonly #stops: (() => void)[];
  readonly #heartbeat: Timer;

  constructor(feed: LiveFeed, { clock = systemClock, mostReaders = 32 }: LiveStreamOptions = {}) {
    this.#feed = feed;
    this.#most = mostReaders;
    this.#stops = [
      feed.on("tick", (tick) => this.#sendAll("tick", tick)),
      feed.on("told", (told) => this.#sendAll("told", told)),
    ];
    this.#heartbeat = every(HEARTBEAT_MS, () => this.#writeAll(":\n\n"), clock.network);
  }

  get isFull(): boolean {
    return this.#readers.size >= this.#most;
  }

  /** Takes the response over until either side ends it. */
  add(response: ServerResponse): void {
    response.writeHead(200, {
      ...GUARDED,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
    });
    const greeting = `retry: ${RETRY_MS}\n\n${messageOf("hello", this.#feed.hello())}`;
    this.#readers.set(response, Buffer.byteLength(greeting));
    response.on("close", () => this.#readers.delete(response));
    response.write(greeting);
  }

  /** Ends all streams. */
  close(): void {
    for (const stop of this.#stops) stop();
    this.#heartbeat.cancel();
    for (const response of this.#readers.keys()) response.end();
    this.#readers.clear();
  }

  #sendAll(event: string, value: unknown): void {
    if (this.#readers.size > 0) this.#writeAll(messageOf(event, value));
  }

  #writeAll(text: string): void {
    for (const [response, greeting] of this.#readers) {
      if (response.writableLength > MOST_BEHIND_BYTES + greeting) {
        this.#readers.delete(response);
        response.destroy();
      } else response.write(text);
    }
  }
}

/** JSON has no line ends of its own, so one line of data it is. */
function messageOf(event: string, value: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(value)}\n\n`;
}
