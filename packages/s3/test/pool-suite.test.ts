/**
 * The suite of pools, once more with a pool whose requests take the fast lane: what the caller of a pool may rely on does
 * not depend on the lane.
 */

import type { S3Client } from "@aws-sdk/client-s3";
import type { ClientPool } from "@evertoken/pool";
import { createS3Pool } from "@evertoken/s3";
import { poolsAreMadeBy } from "../../pool/test/service.js";

poolsAreMadeBy((endpoint, { create: _, ...options }, config): ClientPool<S3Client> => {
  const common = { region: "us-east-1", endpoint, forcePathStyle: true, maxConnections: 500 };
  return createS3Pool({ ...common, ...config, ...options } as Parameters<typeof createS3Pool>[0]);
});

await import("../../pool/test/client-pool.test.js");
await import("../../pool/test/bodies.test.js");
await import("../../pool/test/replay.test.js");
await import("../../pool/test/rotation.test.js");
await import("../../pool/test/health.test.js");
await import("../../pool/test/stats.test.js");
