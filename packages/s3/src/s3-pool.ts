/** The S3 pool: long-lived S3 clients on one Keeper and one set of connections. */

import { setImmediate } from "node:timers/promises";
import type { S3Client } from "@aws-sdk/client-s3";
import { type ClientPool, type ClientPoolStats, createClientPool } from "@evertoken/pool";
import type { LaneStats } from "./fast-lane/diversion.js";
import { type Command, FastLane, type LaneClient } from "./fast-lane/lane.js";
import { type S3PoolOptions, s3PoolSettings } from "./options.js";
import { type Presign, presigner } from "./presign.js";
import { sdkClients } from "./sdk-clients.js";
import { SharedConnections } from "./shared-connections.js";

export interface S3PoolStats extends ClientPoolStats {
  /** Which way requests went, and why not the fast one. */
  readonly lanes: LaneStats;
}

export interface S3Pool extends ClientPool<S3Client> {
  stats(): S3PoolStats;
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
  const {
    region,
    keeper,
    ownsKeeper,
    fastLane,
    clientConfig,
    connections: limits,
    behaviour,
  } = s3PoolSettings(options);
  const connections = new SharedConnections(limits);
  const lane = new FastLane({ isOn: fastLane, dispatcher: connections.dispatcher, keeper, clock: behaviour.clock });
  const pool = createClientPool<LaneClient>({
    ...behaviour,
    keeper,
    create: sdkClients({ config: { ...clientConfig, region }, connections, lane }),
    // A client of 15 kB for each of a hundred requests under way is only worth having where they need it.
    send: fastLane ? (seat, command, options) => lane.send(seat, command as Command, options) : undefined,
    afterClose: async () => {
      await connections.destroy();
      await lane.close();
      // What was under way ends with an error of the connection, and on the way to it the SDK signs once more.
      await setImmediate();
      if (ownsKeeper) keeper.close();
    },
  });
  const stats = pool.stats.bind(pool);
  return Object.assign(pool, {
    presign: presigner(pool, keeper, behaviour.clock),
    stats: () => Object.freeze({ ...stats(), lanes: lane.stats() }),
  });
}
