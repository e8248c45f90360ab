import { PutObjectCommand } from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { BUCKETS, bothLanesForThisTest, LANES } from "./lanes.js";

describe.each(LANES)("a pool's connections, in the %s lane,", (lane) => {
  it("serve others after more requests that cannot be written than there are connections", async () => {
    const { pools } = await bothLanesForThisTest({ maxConnections: 2 });
    const put = (ContentType: string) =>
      pools[lane].send(new PutObjectCommand({ Bucket: BUCKETS[lane], Key: "key", Body: "x", ContentType }));
    for (let count = 0; count < 5; count++)
      await expect(put("a\u0001b")).rejects.toThrow("invalid content-type header");

    await expect(put("text/plain")).resolves.toMatchObject({ $metadata: { httpStatusCode: 200 } });
  });
});
