/**
 * The Keeper's face: what it tells, what it is told, and how it is made. The table it acts on is in `policy.ts`, the
 * acting in `refresher.ts` (towards the source) and `single-source-keeper.ts` (towards callers).
 */

import type { EventSource } from "@evertoken/core";
import type { Identity } from "./held.js";
import type { HistoryEntry } from "./history.js";
import { type KeeperOptions, keeperSettings } from "./options.js";
import type { KeeperState } from "./policy.js";
import type { Refusal } from "./refusals.js";
import { SingleSourceKeeper } from "./single-source-keeper.js";
import type { SourceEvents, SourceKind } from "./source.js";

/** Why the source was asked: the state that wanted it, or a caller of `refresh()`. */
export type RefreshTrigger = KeeperState | "requested";

/**
 * What an answer of the source brought: other credentials (`rotated`), the same ones again, ones that end sooner than
 * those held (`staler`, not taken), or ones that a service has refused (`refused`, not taken).
 */
export type RefreshOutcome = "rotated" | "unchanged" | "staler" | "refused" | "failed";

export interface Refresh {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly trigger: RefreshTrigger;
  readonly outcome: RefreshOutcome;
  readonly durationMs: number;
  /** With the outcome `failed`. */
  readonly error?: unknown;
}

export type KeeperEvents = SourceEvents & {
  /** The source was asked and has answered, or failed to. */
  refresh: Refresh;
  /** Other credentials than before are held now. */
  rotated: { readonly generation: number; readonly accessKeyId: string; readonly expiresAt: number };
  /** A service refused the credentials held. */
  rejected: Refusal;
  /** Nothing fresher could be had, so callers go on with expired credentials. Told once for each failed refresh. */
  servingExpired: { readonly accessKeyId: string; readonly expiredForMs: number };
};

export interface KeeperStatus {
  readonly state: KeeperState;
  readonly source: string;
  /** Undefined for a source of one's own, and while the default chain has not found any. */
  readonly sourceKind: SourceKind | undefined;
  readonly generation: number;
  readonly accessKeyId: string | undefined;
  readonly roleName: string | undefined;
  readonly accountId: string | undefined;
  /** Epoch milliseconds, like `expiresAt`. */
  readonly receivedAt: number | undefined;
  /** Undefined with nothing held, or when it does not expire. */
  readonly expiresAt: number | undefined;
  readonly remainingMs: number | undefined;
  /** From when on the source is asked for the next ones, in epoch milliseconds; undefined like `expiresAt`. */
  readonly advisoryAt: number | undefined;
  /** How far this host's clock is behind (+) or ahead (−), in milliseconds. */
  readonly skewMs: number;
  readonly lastRefresh: Refresh | undefined;
}

/** {@link Identity} whose fields all are enumerable. Handle it as a secret. */
export type Snapshot = Identity;

export interface ProviderOptions {
  readonly signal?: AbortSignal | undefined;
  /** Asks the source first, as AWS SDKs do with this option. */
  readonly forceRefresh?: boolean | undefined;
}

export interface RejectOptions {
  readonly signal?: AbortSignal | undefined;
  /** The service's error: becomes the `cause` of a `CredentialsRejectedError`. */
  readonly cause?: unknown;
}

/** Pass it as `credentials:` to any AWS SDK v3 client. */
export interface Provider {
  (options?: ProviderOptions): Promise<Identity>;
  /** Tells the SDK not to put its own cache around it, which would hand out expired credentials and block callers. */
  readonly memoized: true;
}

export interface Keeper extends EventSource<KeeperEvents> {
  /**
   * The identity of now. Fresh credentials cost a field read; with none yet it waits for the first load.
   * @throws CredentialsUnavailableError when there are none and the source gave none.
   * @throws CredentialsRejectedError when a service refused those held and there were no others in time.
   * @throws ClosedError after `close()`.
   */
  readonly provider: Provider;
  /**
   * A service refused this access key id as expired. Asks the source at once, past every pause, and resolves with other
   * credentials; many callers with the same refused id share the one refresh. The promise may be left alone. An id that is
   * not the one held is remembered, so that it is not taken up later.
   * @throws CredentialsRejectedError when the source offers no others in time.
   * @throws CredentialsUnavailableError when there were none yet, and the source offers nothing but the refused ones.
   */
  reject(accessKeyId: string, reason: string, options?: RejectOptions): Promise<Identity>;
  /**
   * Asks the source now, or joins the request that is under way.
   * @throws CredentialsUnavailableError when that fails; what is held stays.
   */
  refresh(): Promise<Identity>;
  status(): KeeperStatus;
  /** What happened to the credentials, oldest first, bounded: the same thing several times in a row is one entry. */
  history(): readonly HistoryEntry[];
  /**
   * The credentials of now as a plain object that prints and spreads, secrets included, for tools that need one. It goes
   * stale at its `expiration`: ask for another before.
   */
  snapshot(options?: ProviderOptions): Promise<Snapshot>;
  /**
   * Told by those who see a service's `Date` header: how far this host's clock is behind (+) or ahead (−), in milliseconds.
   * @throws InvalidInputError when it is not finite.
   */
  noteSkew(skewMs: number): void;
  /** Stops all timers and requests. Idempotent. */
  close(): void;
}

/**
 * @example
 * const keeper = createKeeper();
 * const s3 = new S3Client({ credentials: keeper.provider });
 *
 * @throws InvalidInputError when an option or environment variable is not what it must be.
 */
export function createKeeper(options: KeeperOptions = {}): Keeper {
  return new SingleSourceKeeper(keeperSettings(options));
}
