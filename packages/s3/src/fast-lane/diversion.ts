/** Why a request goes the SDK lane although the fast lane is on, and how many did. */

/**
 * - `operation`: not one of the hot ones, or a command class of another copy of `@aws-sdk/client-s3`.
 * - `member`: an input member that the fast lane does not know for this operation.
 * - `value`: a value that is not plain: not printable ASCII in a header, not a finite number, empty, …
 * - `body`: a body of a kind that the fast lane does not take.
 * - `bucket`: an ARN, access point, S3 Express or Outposts name, or no valid bucket name.
 * - `options`: send options besides `abortSignal` and `requestTimeout`, or an abort signal that has fired.
 * - `middleware`: the caller has put middleware of their own on the client or the command.
 * - `retry-mode`: another retry mode than `standard`.
 * - `endpoint`: the SDK could not make a request for this bucket: it will say why.
 * - `sdk-differs`: the SDK in use makes another request than the fast lane would.
 */
export type Diversion =
  | "operation"
  | "member"
  | "value"
  | "body"
  | "bucket"
  | "options"
  | "middleware"
  | "retry-mode"
  | "endpoint"
  | "sdk-differs";

export interface LaneStats {
  /** Requests that the fast lane has sent. */
  readonly fast: number;
  /** Of these, answers other than success, which the SDK lane went on with: its errors, its retries, its replay. */
  readonly handedOver: number;
  /** Requests that went the SDK lane from the start. */
  readonly sdk: number;
  /** The latter by reason; empty when `fastLane` is off. */
  readonly diversions: Readonly<Partial<Record<Diversion, number>>>;
}

export class LaneCounts {
  fast = 0;
  handedOver = 0;
  sdk = 0;
  readonly #diversions = new Map<Diversion, number>();

  diverted(diversion?: Diversion): void {
    this.sdk += 1;
    if (diversion !== undefined) this.#diversions.set(diversion, (this.#diversions.get(diversion) ?? 0) + 1);
  }

  stats(): LaneStats {
    const { fast, handedOver, sdk } = this;
    return Object.freeze({ fast, handedOver, sdk, diversions: Object.freeze(Object.fromEntries(this.#diversions)) });
  }
}
