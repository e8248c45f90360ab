// The same program on a pool: commands, results and errors are the SDK's, so only the two lines about the client differ.

import { setTimeout as pause } from "node:timers/promises";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createS3Pool } from "@evertoken/s3";

// Region and credentials come from where the SDK's client takes them.
await using s3 = createS3Pool({ forcePathStyle: true });

for (let report = 1; report <= 20; report++) {
  await s3.send(new PutObjectCommand({ Bucket: "reports", Key: `${report}.csv`, Body: `report,${report}\n` }));
  console.log(`report ${report} written`);
  await pause(50);
}

const { replayed, surfaced } = s3.stats();
console.log(`${replayed} replayed, ${surfaced} surfaced`);
