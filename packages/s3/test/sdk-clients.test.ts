/** How many SDK clients there are, counted in the heap; in a file of its own, because files share none. */

import { queryObjects } from "node:v8";
import { GetObjectCommand, ListBucketsCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { startSimulator } from "@evertoken/simulator";
import { expect, it, onTestFinished } from "vitest";
import { poolAt } from "./lanes.js";

const put = () => new PutObjectCommand({ Bucket: "reports", Key: "2026/11.csv", Body: "content" });
const missing = () => new GetObjectCommand({ Bucket: "reports", Key: "2026/12.csv" });

it("a hundred requests at a time make no more SDK clients than need one", async () => {
  const simulator = await startSimulator();
  onTestFinished(() => simulator.close());
  process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT = simulator.imdsUrl;
  onTestFinished(() => {
    delete process.env.AWS_EC2_METADATA_SERVICE_ENDPOINT;
  });
  const pool = poolAt(simulator.s3Url, { credentials: undefined, size: 100, choice: "round-robin" });
  const clients = () => queryObjects(S3Client, { format: "count" }) - before;
  const before = queryObjects(S3Client, { format: "count" });
  const atATime = (count: number, command: () => PutObjectCommand | GetObjectCommand | ListBucketsCommand) =>
    Promise.allSettled(Array.from({ length: count }, () => pool.send(command() as PutObjectCommand)));

  // The first one, to learn from.
  await atATime(100, put);
  expect(pool.stats()).toMatchObject({ created: 100, sent: 100, failed: 0, lanes: { fast: 100 } });
  expect(clients()).toBe(1);

  // Members 0 to 9, of which the first has one: answers that are no success are the SDK's to read.
  await atATime(10, missing);
  expect(pool.stats().lanes).toMatchObject({ fast: 110, handedOver: 10 });
  expect(clients()).toBe(10);

  await atATime(100, () => new ListBucketsCommand());
  expect(pool.stats()).toMatchObject({ created: 100, lanes: { sdk: 100 } });
  expect(clients()).toBe(100);
});
