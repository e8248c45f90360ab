// The same with a pool that does it:
//
//   SIZE, a counter                     size, choice
//   withClient(work)                    pool.lease(work), or pool.send(command) for one command
//   catching ExpiredToken, new clients  nothing: it is replayed on the same client with other credentials
//   a semaphore around it               maxInFlight, maxQueue, queueTimeoutMs
//   a timer that renews the clients     maxLifetimeMs, idleTimeoutMs
//   destroying each client              pool.close()
//
// `createClientPool` takes the clients of any AWS service, so `create` may stay what it was but for the credentials. For
// S3, `createS3Pool` shares the connections as well.

import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { createKeeper } from "@evertoken/credentials";
import { createClientPool } from "@evertoken/pool";

// One Keeper for all clients of the process, those of other services included.
const keeper = createKeeper();

const pool = createClientPool({
  size: 4,
  choice: "round-robin",
  keeper,
  create: ({ credentials }) => new S3Client({ credentials, forcePathStyle: true }),
});

await pool.send(new PutObjectCommand({ Bucket: "orders", Key: "1", Body: "one tea" }));
const order = await pool.lease(async (s3) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: "orders", Key: "1" }));
  return Body?.transformToString();
});
console.log(`order 1: ${order}`);

await pool.close();
keeper.close();
