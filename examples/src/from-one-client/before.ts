// One client that lives as long as the process: it goes on sending credentials that S3 has refused until minutes before
// their written end, so one early revocation ends this program with ExpiredToken.

import { setTimeout as pause } from "node:timers/promises";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

// `forcePathStyle` is for the simulator, whose buckets have no host names of their own.
const s3 = new S3Client({ forcePathStyle: true });

for (let report = 1; report <= 20; report++) {
  await s3.send(new PutObjectCommand({ Bucket: "reports", Key: `${report}.csv`, Body: `report,${report}\n` }));
  console.log(`report ${report} written`);
  await pause(50);
}
