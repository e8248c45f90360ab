/**
 * What the agent writes down, as JSON lines: what happens to it, each credential answer (the audit), each refusal. No line
 * can hold a secret, because none is handed to it: callers, names, generations, instants.
 */

import type { Clock } from "@evertoken/core";
import { type DestinationStream, type Logger, pino } from "pino";
import type { Caller } from "./callers.js";
import { wholeSeconds } from "./documents.js";
import type { Via } from "./exchange.js";
import type { Refusal } from "./guard.js";
import { RateLimit } from "./rate-limit.js";

export interface AgentLogOptions {
  readonly clock: Clock;
  readonly level: string;
  /** Where the lines go. Default: standard output, without waiting for it. */
  readonly destination?: DestinationStream | undefined;
  /** Standard output has taken lines, or refused them with this error. */
  readonly onOutput?: ((error?: Error) => void) | undefined;
}

/** One answer that handed out credentials. */
export interface Issue {
  readonly caller: Caller;
  readonly userAgent: string | undefined;
  readonly via: Via;
  readonly role: string;
  readonly generation: number;
  readonly accessKeyId: string;
  readonly expiresAt: number;
}

/** Lines a minute for each kind of refusal: who is refused a thousand times a second must not fill the disk. */
const REFUSALS_PER_MINUTE = 60;

/** As much as comes together in one turn under load goes into one write, or lines pile up in memory. */
const MAX_WRITE = 1 << 20;

/** Whoever reads the log has stopped: what comes beyond this is lost, and credentials are still handed out. */
const MAX_WAITING = 16 << 20;

/** A user agent says what it likes: enough of it to know the SDK. */
const USER_AGENT_LENGTH = 120;

export class AgentLog {
  readonly #log: Logger;
  readonly #refusals: RateLimit;
  readonly #untold = new Map<string, number>();

  constructor({ clock, level, destination, onOutput = () => {} }: AgentLogOptions) {
    this.#log = pino(
      {
        level,
        base: { service: "evertoken-agent" },
        messageKey: "message",
        formatters: { level: (label) => ({ level: label }) },
        timestamp: () => `,"time":"${new Date(clock.now()).toISOString()}"`,
      },
      destination ?? standardOutput(onOutput),
    );
    this.#refusals = new RateLimit(clock, REFUSALS_PER_MINUTE);
  }

  info(message: string, fields: object = {}): void {
    this.#log.info(fields, message);
  }

  warn(message: string, fields: object = {}): void {
    this.#log.warn(fields, message);
  }

  error(message: string, fields: object = {}): void {
    this.#log.error(fields, message);
  }

  issued({ caller, userAgent, expiresAt, ...issue }: Issue): void {
    this.#log.info(
      {
        audit: "credentials",
        ...issue,
        expires: wholeSeconds(expiresAt),
        caller,
        userAgent: userAgent?.slice(0, USER_AGENT_LENGTH),
      },
      "credentials handed out",
    );
  }

  refused({ kind, status, message }: Refusal, address: string, via: string): void {
    if (this.#refusals.take(kind) > 0) {
      this.#untold.set(kind, (this.#untold.get(kind) ?? 0) + 1);
      return;
    }
    const untold = this.#untold.get(kind);
    this.#untold.delete(kind);
    this.#log.warn(
      { refused: kind, status, via, address, ...(untold === undefined ? {} : { notToldBefore: untold }) },
      message,
    );
  }

  /** Writes out what is still on its way. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.#log.flush(() => resolve()));
  }
}

/**
 * Written without anybody waiting. What it refuses, on a full disk say, is kept and tried again with the next line; nobody
 * listening for the error, it would end the process.
 */
function standardOutput(onOutput: (error?: Error) => void): DestinationStream {
  const output = pino.destination({ dest: 1, sync: false, maxWrite: MAX_WRITE, maxLength: MAX_WAITING });
  const flushSync = output.flushSync.bind(output);
  let refused = false;
  output.on("error", (error) => {
    refused = true;
    onOutput(error);
  });
  output.on("write", () => {
    refused = false;
    onOutput();
  });
  // Called when the process ends: it would go on trying for ever.
  output.flushSync = () => {
    if (!refused) flushSync();
  };
  return output;
}
