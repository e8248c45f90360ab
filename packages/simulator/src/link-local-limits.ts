/**
 * How much may be asked of IMDS in a second: EC2 lets an interface send 1024 packets a second to link-local services, IMDS,
 * DNS and NTP together, and loses what is beyond (`linklocal_allowance_exceeded`); IMDS itself answers 503 when it is asked
 * too much. Seconds here are those of sockets, which a fast clock does not make faster.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html#instancedata-throttling
 */

import type { IncomingMessage } from "node:http";
import type { Pauses } from "@evertoken/core";

export interface LinkLocalLimits {
  /** Requests whose packets are beyond this are never answered. EC2: 1024. Default: no limit. */
  readonly packetsPerSecond?: number | undefined;
  /** Requests beyond this are answered 503. Default: no limit. */
  readonly requestsPerSecond?: number | undefined;
}

/** SYN, the acknowledgment of its answer, and FIN. */
const PACKETS_OF_A_CONNECTION = 3;

/** The request, and the acknowledgment of its answer. */
const PACKETS_OF_A_REQUEST = 2;

export class LinkLocalBudget {
  readonly #pauses: Pauses;
  readonly #packetsPerSecond: number;
  readonly #requestsPerSecond: number;
  readonly #connections = new WeakSet<object>();
  #second = -1;
  #packets = 0;
  #requests = 0;

  constructor({ packetsPerSecond, requestsPerSecond }: LinkLocalLimits, pauses: Pauses) {
    this.#pauses = pauses;
    this.#packetsPerSecond = packetsPerSecond ?? Number.POSITIVE_INFINITY;
    this.#requestsPerSecond = requestsPerSecond ?? Number.POSITIVE_INFINITY;
  }

  /** Counts a request, and says what becomes of it. */
  spend({ socket }: IncomingMessage): "served" | "lost" | "throttled" {
    const second = Math.floor(this.#pauses.monotonic() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#packets = 0;
      this.#requests = 0;
    }
    this.#packets += PACKETS_OF_A_REQUEST + (this.#connections.has(socket) ? 0 : PACKETS_OF_A_CONNECTION);
    this.#connections.add(socket);
    if (this.#packets > this.#packetsPerSecond) return "lost";
    this.#requests += 1;
    return this.#requests > this.#requestsPerSecond ? "throttled" : "served";
  }
}
