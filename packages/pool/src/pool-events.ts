/** What a pool tells of. */

import type { Replay } from "./exchange.js";
import type { Ejection } from "./health.js";
import type { ReplayEvents } from "./replay.js";
import type { PoolRequest } from "./request.js";

interface OfMember {
  /** The member's id. */
  readonly member: number;
}

/** Of a request to a service. */
interface OfService extends OfMember {
  /** The service, as its SDK calls it: `S3`, `Secrets Manager`. */
  readonly service: string;
}

export type PoolEvents = {
  /** A client was created. */
  created: OfMember;
  /** A client gets no more requests, and is destroyed when those under way have ended. */
  retired: OfMember & { readonly reason: "lifetime" | "idle" };
  /** A client gets no requests for a while. */
  ejected: Ejection;
  /** A request is being sent once more, with other credentials or the right time. */
  replayed: OfService & Replay;
  /** A request that was sent once more has ended. */
  replayEnded: OfService & ReplayEvents["replayEnded"];
  /** An answer that means stale credentials reached the caller, as this error or as its cause. */
  surfaced: OfService & ReplayEvents["surfaced"];
  /** A request of `send` has ended. */
  request: PoolRequest;
};
