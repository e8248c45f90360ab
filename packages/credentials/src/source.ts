/**
 * Where credentials come from, as the Keeper sees it: something that can be asked again.
 */

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

export interface CredentialSource {
  /** For messages and status: `IMDS at http://169.254.169.254`. */
  readonly name: string;
  /** Whether asking again is so cheap that it may be done every few minutes, long before the end. */
  readonly watchable: boolean;
  /** Asks for the credentials of now; never from a cache of its own. */
  load(request: LoadRequest): Promise<Loaded>;
  close?(): void;
}
