export type { AwsClient, CommandOf, InputOf, OutputOf, SendOptions } from "./aws-types.js";
export { type ClientPool, type ClientPoolStats, type CloseOptions, createClientPool } from "./client-pool.js";
export { BodyNotReplayableError } from "./errors.js";
export { keepFresh } from "./keep-fresh.js";
export { type ClientPoolOptions, poolSize } from "./options.js";
export type { Replay, ReplayEvents } from "./replay.js";
