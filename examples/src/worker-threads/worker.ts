// One of the threads: its own pool, because clients and sockets cannot be shared, and the main thread's credentials.

import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { type MessagePort, workerData } from "node:worker_threads";
import { gzip } from "node:zlib";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { createS3Pool } from "@evertoken/s3";
import { sharedKeeper } from "./shared-keeper.js";

const { name, port } = workerData as { name: string; port: MessagePort };
const keeper = sharedKeeper(port);
const pool = createS3Pool({ size: 5, keeper, forcePathStyle: true });

for (let report = 1; report <= 10; report++) {
  const Body = await promisify(gzip)(`${name},${report}\n`.repeat(10_000));
  await pool.send(new PutObjectCommand({ Bucket: "regions", Key: `${name}/${report}.csv.gz`, Body }));
  console.log(`${name} ${report}`);
  await pause(50);
}

const { failed, replayed } = pool.stats();
console.log(`${name}: ${failed} failed, ${replayed} replayed`);
await pool.close();
keeper.close();
