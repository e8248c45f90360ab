import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { BUCKETS, bothLanesForThisTest, LANES } from "./lanes.js";

describe.each(LANES)("a pool's connections, in the %s lane,", (lane) => {
  it("serve one request after the other, of any kind, refusals too", async () => {
    const { pools, simulator } = await bothLanesForThisTest({ maxConnections: 1 });
    const Bucket = BUCKETS[lane];
    const opened = await connectionsOpenedBy(simulator.s3Url, async () => {
      await pools[lane].send(new PutObjectCommand({ Bucket, Key: "key", Body: "x" }));
      await pools[lane].send(new HeadObjectCommand({ Bucket, Key: "key" }));
      await (await pools[lane].send(new GetObjectCommand({ Bucket, Key: "key" }))).Body?.transformToString();
      await pools[lane].send(new HeadObjectCommand({ Bucket, Key: "other" })).catch(() => {});
      await pools[lane].send(new GetObjectCommand({ Bucket, Key: "other" })).catch(() => {});
      await pools[lane].send(new ListObjectsV2Command({ Bucket }));
      await pools[lane].send(new DeleteObjectCommand({ Bucket, Key: "key" }));
    });

    expect(opened).toBe(1);
  });

  it("serve others after more requests that cannot be written than there are connections", async () => {
    const { pools } = await bothLanesForThisTest({ maxConnections: 2 });
    const put = (ContentType: string) =>
      pools[lane].send(new PutObjectCommand({ Bucket: BUCKETS[lane], Key: "key", Body: "x", ContentType }));
    for (let count = 0; count < 5; count++)
      await expect(put("a\u0001b")).rejects.toThrow("invalid content-type header");

    await expect(put("text/plain")).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });
});

/** As undici tells of them. */
async function connectionsOpenedBy(url: string, work: () => Promise<void>): Promise<number> {
  let opened = 0;
  const see = (message: unknown) => {
    const { connectParams } = message as { connectParams: { host: string } };
    if (url.endsWith(connectParams.host)) opened += 1;
  };
  subscribe("undici:client:connected", see);
  try {
    await work();
    return opened;
  } finally {
    unsubscribe("undici:client:connected", see);
  }
}
