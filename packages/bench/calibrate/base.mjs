/**
 * What the bench is calibrated with: the stock SDK of this checkout, and something planted into it. A module of one's own
 * for `evertoken bench compare`, as users write them.
 */

import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";

/** @param settings what the bench tells every client: see `ClientSettings` of `@evertoken/bench`. */
export function open({ endpoint, region, credentials }) {
  return new S3Client({ endpoint, region, forcePathStyle: true, ...(credentials && { credentials }) });
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

export function close(client) {
  client.destroy();
}
