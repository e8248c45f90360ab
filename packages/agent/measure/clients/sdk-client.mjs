// The AWS SDK for JavaScript in a process that lives for days: for each line it reads it lists buckets, and says how that went.

import { createInterface } from "node:readline";
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";

const client = new S3Client({ endpoint: process.argv[2], forcePathStyle: true });
for await (const _ of createInterface({ input: process.stdin })) {
  const outcome = await client.send(new ListBucketsCommand({})).then(
    () => "ok",
    (error) => `${error.name}: ${error.message}`.replaceAll("\n", " "),
  );
  console.log(outcome);
}
