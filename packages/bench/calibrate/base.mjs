/**
 * What the bench is calibrated with: a pool's fast lane, which is warm in a second, so that a minute holds enough rounds; and
 * something planted into it. A module of one's own for `evertoken bench compare`, as users write them.
 */

import { DeleteObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { createS3Pool } from "@evertoken/s3";

/** @param settings what the bench tells every client: see `ClientSettings` of `@evertoken/bench`. */
export function open({ endpoint, region, credentials, inFlight }) {
  return createS3Pool({ endpoint, region, credentials, forcePathStyle: true, maxConnections: inFlight });
}

export async function run(client, { type, bucket: Bucket, key: Key, body: Body }) {
  switch (type) {
    case "put":
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
      return undefined;
    case "get":
      return (await (await client.send(new GetObjectCommand({ Bucket, Key }))).Body.transformToByteArray()).length;
    case "head":
      return (await client.send(new HeadObjectCommand({ Bucket, Key }))).ContentLength;
    case "delete":
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      return undefined;
    default:
      throw new Error(`${type} is not for calibration`);
  }
}

export async function close(client) {
  await client.close();
}
