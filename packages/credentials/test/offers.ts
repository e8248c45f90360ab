/** Builders for Keeper tests: credentials, and a source whose answers the test decides. */

import { type Clock, VirtualClock } from "@evertoken/core";
import {
  type CredentialSource,
  type Credentials,
  createKeeper,
  type KeeperOptions,
  type LoadRequest,
  type Refresh,
} from "@evertoken/credentials";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const NOON = Date.UTC(2026, 10, 23, 12);

export function credentials(accessKeyId: string, expiresAt: number): Credentials {
  return {
    accessKeyId,
    secretAccessKey: `secret of ${accessKeyId}`,
    sessionToken: `token of ${accessKeyId}`,
    expiration: new Date(expiresAt),
  };
}

class ScriptedSource implements CredentialSource {
  readonly name = "the scripted source";
  readonly watchable: boolean;
  readonly requests: LoadRequest[] = [];
  /** What it answers now; a test replaces it. */
  answer: (request: LoadRequest) => Credentials | Promise<Credentials>;
  skewMs: number | undefined;
  inFlight = 0;
  mostInFlight = 0;
  closed = false;

  constructor(answer: Credentials, watchable = true) {
    this.answer = () => answer;
    this.watchable = watchable;
  }

  offers(answer: Credentials): void {
    this.answer = () => answer;
  }

  fails(message = "the source is down"): void {
    this.answer = () => {
      throw new Error(message);
    };
  }

  /** Answers only after `ms` of the clock. */
  takes(ms: number, clock: Clock, answer: Credentials): void {
    this.answer = async () => {
      await clock.sleep(ms);
      return answer;
    };
  }

  async load(request: LoadRequest) {
    this.requests.push(request);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      return { credentials: await this.answer(request), skewMs: this.skewMs };
    } finally {
      this.inFlight -= 1;
    }
  }

  close(): void {
    this.closed = true;
  }
}

/** A Keeper at noon on credentials that live for `lifetimeMs`, with a clock moved by hand and no jitter. */
export function keeperAtNoon({
  lifetimeMs = 6 * HOUR,
  watchable = true,
  ...options
}: { lifetimeMs?: number; watchable?: boolean } & KeeperOptions = {}) {
  const clock = new VirtualClock({ startAt: NOON });
  const source = new ScriptedSource(credentials("A1", NOON + lifetimeMs), watchable);
  const keeper = createKeeper({ source, clock, random: () => 0.5, ...options });
  const refreshes: Refresh[] = [];
  keeper.on("refresh", (refresh) => refreshes.push(refresh));
  return { clock, source, keeper, refreshes };
}
