/**
 * Where credentials come from, as the Keeper sees it: something that can be asked again.
 */

import { type EventSource, InvalidInputError } from "@evertoken/core";
import type { ImdsEvents } from "@evertoken/imds";

/** Temporary or permanent credentials in the shape that every AWS SDK v3 provider gives. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** The security token of temporary credentials. */
  readonly sessionToken?: string | undefined;
  /** The instant from which services refuse them. Absent: they do not expire. */
  readonly expiration?: Date | undefined;
  readonly accountId?: string | undefined;
  readonly roleName?: string | undefined;
}

export interface Loaded {
  readonly credentials: Credentials;
  /** How far this host's clock is behind (+) or ahead (−) of the source's, in milliseconds, where it can be told. */
  readonly skewMs?: number | undefined;
}

export interface LoadRequest {
  /** Aborts when nobody waits any longer. */
  readonly signal: AbortSignal;
  /** How often to try, where the source has a say in that; absent: its own default. */
  readonly attempts?: number | undefined;
}

/** Where credentials come from, in one word of a short list: for figures, which a name with an address does not suit. */
export type SourceKind = "imds" | "container" | "environment" | "shared-config" | "web-identity" | "provider";

export type SourceEvents = {
  /** It asked IMDS, which answered, or did not. */
  imdsRequest: ImdsEvents["request"];
};

export interface CredentialSource {
  /** For messages and status: `IMDS at http://169.254.169.254`. */
  readonly name: string;
  /** Absent for a source of one's own, and while the default chain has not found any. */
  readonly kind?: SourceKind | undefined;
  /** Whether asking again is so cheap that it may be done every few minutes, long before the end. */
  readonly watchable: boolean;
  /** Asks for the credentials of now; never from a cache of its own. */
  load(request: LoadRequest): Promise<Loaded>;
  /** What it tells of, if it tells of anything. */
  readonly on?: EventSource<SourceEvents>["on"];
  close?(): void;
}

/**
 * Looks at an answer before it is held: sources may be anybody's code, and an end that is no instant would never come.
 * @throws InvalidInputError naming what is wrong with it, never its value.
 */
export function assertLoaded(name: string, loaded: Loaded): void {
  const { credentials, skewMs } = Object(loaded) as Partial<Loaded>;
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = Object(credentials) as Partial<Credentials>;
  const isText = (value: unknown) => typeof value === "string" && value !== "";
  const problems = [
    ...(isText(accessKeyId) ? [] : [{ field: "accessKeyId", message: "expected a text" }]),
    ...(isText(secretAccessKey) ? [] : [{ field: "secretAccessKey", message: "expected a text" }]),
    ...(sessionToken === undefined || isText(sessionToken)
      ? []
      : [{ field: "sessionToken", message: "expected a text, or none" }]),
    ...(expiration === undefined || (expiration instanceof Date && Number.isFinite(expiration.getTime()))
      ? []
      : [{ field: "expiration", message: "expected a Date that is an instant, or none" }]),
    ...(skewMs === undefined || Number.isFinite(skewMs)
      ? []
      : [{ field: "skewMs", message: "expected milliseconds, or none" }]),
  ];
  if (problems.length > 0) throw new InvalidInputError(`credentials from ${name}`, problems);
}
