/** The S3 pool: long-lived S3 clients on one Keeper and one set of connections. */

import { S3Client } from "@aws-sdk/client-s3";
import { type ClientPool, createClientPool } from "@evertoken/pool";
import { type S3PoolOptions, s3PoolSettings } from "./options.js";
import { type Presign, presigner } from "./presign.js";
import { SharedConnections } from "./shared-connections.js";

export interface S3Pool extends ClientPool<S3Client> {
  /**
   * A URL that lets whoever has it do what the command says, for `expiresIn` seconds and no longer than the credentials
   * behind it: fresher ones are asked for first.
   * @throws UrlOutlivesCredentialsError when there are none that last so long.
   * @throws InvalidInputError when `expiresIn` is not what it must be.
   */
  readonly presign: Presign;
}

/**
 * @example
 * const pool = createS3Pool({ region: "eu-central-1", size: 100 });
 * await pool.send(new PutObjectCommand({ Bucket: "reports", Key: "2026/11.csv", Body: csv }));
 * await pool.close();
 *
 * @throws InvalidInputError when an option or environment variable is not what it must be.
 */
export function createS3Pool(options: S3PoolOptions = {}): S3Pool {
  const settings = s3PoolSettings(options);
  const { region, endpoint, forcePathStyle, connectTimeoutMs, requestTimeoutMs, maxConnections, ...rest } = settings;
  const { keeper, ownsKeeper, ...behaviour } = rest;
  const connections = new SharedConnections({ connectTimeoutMs, requestTimeoutMs, maxConnections });
  const pool = createClientPool({
    ...behaviour,
    keeper,
    create: ({ credentials }) =>
      new S3Client({
        region,
        credentials,
        forcePathStyle,
        ...(endpoint === undefined ? {} : { endpoint }),
        requestHandler: connections.handler(),
      }),
    afterClose: async () => {
      if (ownsKeeper) keeper.close();
      await connections.destroy();
    },
  });
  return Object.assign(pool, { presign: presigner(pool, keeper, settings.clock) });
}
