export type { S3PoolOptions } from "./options.js";
export { type Presign, type PresignOptions, UrlOutlivesCredentialsError } from "./presign.js";
export { createS3Pool, type S3Pool } from "./s3-pool.js";
