// A pool as many services have it: a few clients in turn, and new ones when S3 says ExpiredToken. What it lacks is not to
// be seen in a quiet hour. Each client asks the instance metadata service by itself; all requests that are hit at the same
// time build clients of their own; those that were under way on the old ones are cut off; and a stream cannot be sent a
// second time.

import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const SIZE = 4;
const newClients = () => Array.from({ length: SIZE }, () => new S3Client({ forcePathStyle: true }));

let clients = newClients();
let next = 0;

async function withClient<T>(work: (client: S3Client) => Promise<T>): Promise<T> {
  try {
    next = (next + 1) % SIZE;
    return await work(clients[next] as S3Client);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "ExpiredToken") throw error;
    for (const client of clients) client.destroy();
    clients = newClients();
    return await work(clients[next] as S3Client);
  }
}

await withClient((s3) => s3.send(new PutObjectCommand({ Bucket: "orders", Key: "1", Body: "one tea" })));
const { Body } = await withClient((s3) => s3.send(new GetObjectCommand({ Bucket: "orders", Key: "1" })));
console.log(`order 1: ${await Body?.transformToString()}`);
for (const client of clients) client.destroy();
