export type { S3PoolOptions } from "./options.js";
export { createS3Pool, type S3Pool } from "./s3-pool.js";
