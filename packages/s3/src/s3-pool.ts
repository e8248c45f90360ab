/** The S3 pool: long-lived S3 clients on one Keeper and one set of connections. */

import { S3Client } from "@aws-sdk/client-s3";
import { type ClientPool, createClientPool } from "@evertoken/pool";
import { type S3PoolOptions, s3PoolSettings } from "./options.js";
import { SharedConnectionsHandler, sharedAgent } from "./shared-connections.js";

export type S3Pool = ClientPool<S3Client>;

/**
 * @example
 * const pool = createS3Pool({ region: "eu-central-1", size: 100 });
 * await pool.send(new PutObjectCommand({ Bucket: "reports", Key: "2026/11.csv", Body: csv }));
 * await pool.close();
 *
 * @throws InvalidInputError when an option or environment variable is not what it must be.
 */
export function createS3Pool(options: S3PoolOptions = {}): S3Pool {
  const { keeper, ownsKeeper, ...settings } = s3PoolSettings(options);
  const { region, endpoint, forcePathStyle } = settings;
  const agent = sharedAgent(settings);
  return createClientPool({
    size: settings.size,
    keeper,
    clock: settings.clock,
    create: ({ credentials }) =>
      new S3Client({
        region,
        credentials,
        forcePathStyle,
        ...(endpoint === undefined ? {} : { endpoint }),
        requestHandler: new SharedConnectionsHandler(agent),
      }),
    afterClose: async () => {
      if (ownsKeeper) keeper.close();
      await agent.destroy();
    },
  });
}
