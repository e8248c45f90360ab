/**
 * Presigned URLs that keep their promise.
 *
 * A URL ends with the credentials that signed it, whatever `X-Amz-Expires` says, and the SDK's presigner does not look at
 * their end. So it is looked at first.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
 */

import type { S3Client } from "@aws-sdk/client-s3";
import { type Clock, check, EvertokenError } from "@evertoken/core";
import type { Keeper } from "@evertoken/credentials";
import type { ClientPool, CommandOf, InputOf, OutputOf } from "@evertoken/pool";
import * as v from "valibot";

export interface PresignOptions {
  /** How long the URL is good for, in seconds: 1 to 604,800. Default 900, as the SDK's presigner has it. */
  readonly expiresIn?: number | undefined;
}

/** The credentials end before the URL is to, and there are none that last longer. */
export class UrlOutlivesCredentialsError extends EvertokenError {
  override readonly code = "URL_OUTLIVES_CREDENTIALS";
  /** What may be asked for now, in seconds. */
  readonly longestSeconds: number;

  constructor(message: string, longestSeconds: number) {
    super(message);
    this.longestSeconds = longestSeconds;
  }
}

const expiresInMessage = (issue: { input: unknown }) =>
  `is ${String(issue.input)}: expected a whole number of seconds from 1 to 604800`;

const schema = v.strictObject({
  expiresIn: v.optional(
    v.pipe(
      v.number(expiresInMessage),
      v.integer(expiresInMessage),
      v.minValue(1, expiresInMessage),
      // Seven days, the limit of Signature Version 4.
      v.maxValue(604_800, expiresInMessage),
    ),
    900,
  ),
});

export type Presign = <Input extends InputOf<S3Client>, Output extends OutputOf<S3Client>>(
  command: CommandOf<S3Client, Input, Output>,
  options?: PresignOptions,
) => Promise<string>;

export function presigner(pool: ClientPool<S3Client>, keeper: Keeper, clock: Clock): Presign {
  return async (command, options = {}) => {
    const { expiresIn } = check(schema, options, "presign options");
    await keeper.provider();
    if (remainingSeconds(keeper) < expiresIn) await keeper.refresh().catch(() => {});
    const longest = remainingSeconds(keeper);
    if (longest < expiresIn) throw outlives(expiresIn, longest);
    const { getSignedUrl } = await import("@aws-sdk/s3-request-presigner");
    const signingDate = new Date(clock.now() + keeper.status().skewMs);
    return pool.lease((client) => getSignedUrl(client, command as never, { expiresIn, signingDate }));
  };
}

function remainingSeconds(keeper: Keeper): number {
  const { remainingMs = Number.POSITIVE_INFINITY, state } = keeper.status();
  return state === "rejected" ? 0 : Math.max(0, Math.floor(remainingMs / 1000));
}

function outlives(expiresIn: number, longest: number): UrlOutlivesCredentialsError {
  return new UrlOutlivesCredentialsError(
    `a URL for ${expiresIn} s was asked for, but the credentials that would sign it end in ${longest} s and the source ` +
      "has no others: ask for less, or give the pool credentials that last longer.",
    longest,
  );
}
