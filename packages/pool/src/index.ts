export type { AwsClient, CommandOf, InputOf, OutputOf, SendOptions } from "./aws-types.js";
export type { Candidate, Choice } from "./choice.js";
export {
  type ClientPool,
  type ClientPoolStats,
  type CloseOptions,
  createClientPool,
  type LeaseOptions,
} from "./client-pool.js";
export { BodyNotReplayableError, ClientCreationError, PoolOverloadedError } from "./errors.js";
export type { Replay } from "./exchange.js";
export type { Ejection } from "./health.js";
export { type KeepFreshOptions, type KeepFreshPlugin, keepFresh, keepFreshPlugin } from "./keep-fresh.js";
export type { LatencyStats } from "./latency.js";
export type { MemberCounts, MemberStats } from "./member.js";
export { type ClientPoolOptions, type PoolBehaviour, poolBehaviour, poolSize, type SendBy } from "./options.js";
export type { EjectionSettings } from "./outlier.js";
export type { PoolEvents } from "./pool-events.js";
export type { ReplayEvents } from "./replay.js";
export { noteLane, type PoolRequest } from "./request.js";
export type { Seat } from "./seat.js";
