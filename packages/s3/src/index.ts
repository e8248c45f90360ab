export type { Diversion, LaneStats } from "./fast-lane/diversion.js";
export type { ChecksumUse, S3PoolOptions } from "./options.js";
export { type Presign, type PresignOptions, UrlOutlivesCredentialsError } from "./presign.js";
export { createS3Pool, type S3Pool, type S3PoolStats } from "./s3-pool.js";
