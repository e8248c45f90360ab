/**
 * What the Keeper holds: one frozen value, swapped whole, so that nobody ever sees half a change.
 */

import { hideFields, type Random } from "@evertoken/core";
import { type Windows, windowsFor } from "./policy.js";
import type { Credentials } from "./source.js";

/** What callers get: an AWS SDK v3 identity whose secrets do not print. */
export interface Identity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
  readonly accountId?: string;
}

export interface Held {
  readonly identity: Identity;
  /** Resolved once, handed to every caller: a fresh identity costs a field read. */
  readonly promise: Promise<Identity>;
  readonly roleName: string | undefined;
  /** 1 for the first credentials, one more with each rotation. */
  readonly generation: number;
  /** By the source's clock, in epoch milliseconds. */
  readonly receivedAt: number;
  /** Infinite for credentials that do not expire. */
  readonly expiresAt: number;
  readonly windows: Windows;
}

export function hold(credentials: Credentials, generation: number, receivedAt: number, random: Random): Held {
  const { accessKeyId, secretAccessKey, sessionToken, expiration, accountId, roleName } = credentials;
  const identity: Identity = hideFields(
    {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(expiration === undefined ? {} : { expiration }),
      ...(accountId === undefined ? {} : { accountId }),
    },
    "secretAccessKey",
    ...(sessionToken === undefined ? [] : (["sessionToken"] as const)),
  );
  const expiresAt = expiration?.getTime() ?? Number.POSITIVE_INFINITY;
  return Object.freeze({
    identity,
    promise: Promise.resolve(identity),
    roleName,
    generation,
    receivedAt,
    expiresAt,
    windows: windowsFor(expiresAt - receivedAt, random),
  });
}

export function isSame(held: Held, credentials: Credentials): boolean {
  return (
    held.identity.accessKeyId === credentials.accessKeyId &&
    held.identity.sessionToken === credentials.sessionToken &&
    held.expiresAt === expiryOf(credentials)
  );
}

export function expiryOf({ expiration }: Credentials): number {
  return expiration?.getTime() ?? Number.POSITIVE_INFINITY;
}
