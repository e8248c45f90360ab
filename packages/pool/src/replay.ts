/**
 * Replay: a request that a service refused because its credentials are stale is sent once more with other credentials.
 *
 * Two middlewares in the client's stack. The outer one stands between the SDK's retries and its signing, so that calling
 * `next` again signs again without spending the retry budget; the inner one, right behind the signing, reads which
 * access key id the request was really signed with, because a rotation may have come between.
 * @see https://github.com/aws/aws-sdk-js-v3 for the stack's steps: initialize, serialize, build, finalizeRequest, deserialize
 */

import { type Clock, type Events, measureSkew } from "@evertoken/core";
import { CredentialsRejectedError, type Identity, type Keeper } from "@evertoken/credentials";
import type {
  FinalizeHandler,
  FinalizeHandlerArguments,
  HandlerExecutionContext,
  MetadataBearer,
  Pluggable,
} from "@smithy/types";
import { BodyNotReplayableError } from "./errors.js";
import { serviceCode, staleness } from "./stale.js";

export interface Replay {
  /** The refused access key id. */
  readonly accessKeyId: string;
  /** What the service said: `ExpiredToken`. */
  readonly reason: string;
  /** The SDK's name of the operation: `PutObjectCommand`. */
  readonly command: string;
}

export type ReplayEvents = {
  /** A request is being sent once more with other credentials. */
  replayed: Replay;
  /** An answer that means stale credentials reached the caller, as this error or as its cause. */
  surfaced: Replay & { readonly error: unknown };
};

/** A HEAD answered with a bare 400 may be the caller's own mistake, repeated: ask the source this often at most. */
const DOUBT_INTERVAL_MS = 10_000;

/** The service's clock is read from its answers this often: skew changes slowly, and parsing dates is not free. */
const SKEW_SAMPLE_INTERVAL_MS = 60_000;

interface HttpMessage {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

interface Exchange {
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly events: Events<ReplayEvents>;
}

/** The two middlewares, for `client.middlewareStack.use(…)`. */
export function replayPlugin(
  keeper: Keeper,
  clock: Clock,
  events: Events<ReplayEvents>,
): Pluggable<object, MetadataBearer> {
  const exchange: Exchange = { keeper, clock, events };
  const signedWith = new WeakMap<HandlerExecutionContext, string>();
  return {
    applyToStack(stack) {
      stack.addRelativeTo(replaying(exchange, signedWith), {
        name: "evertokenReplayMiddleware",
        relation: "before",
        toMiddleware: "httpSigningMiddleware",
        override: true,
      });
      stack.addRelativeTo(readingSignature(exchange, signedWith), {
        name: "evertokenReadSignatureMiddleware",
        relation: "after",
        toMiddleware: "httpSigningMiddleware",
        override: true,
      });
    },
  };
}

type Finalize = FinalizeHandler<object, MetadataBearer>;
type SignedWith = WeakMap<HandlerExecutionContext, string>;

function replaying({ keeper, clock, events }: Exchange, signedWith: SignedWith) {
  let doubtedAt = Number.NEGATIVE_INFINITY;

  /** Other credentials than the refused ones, or undefined when it was not the credentials after all. */
  const others = async (error: Error, refused: string, method: string, signal: AbortSignal | undefined) => {
    const cause = { signal, cause: error };
    if (staleness(error, method) === "stale") return keeper.reject(refused, serviceCode(error), cause);
    const now = clock.network.monotonic();
    if (keeper.status().accessKeyId === refused && now - doubtedAt >= DOUBT_INTERVAL_MS) {
      doubtedAt = now;
      await keeper.refresh().catch(() => {});
    }
    const identity: Identity = await keeper.provider({ signal });
    return identity.accessKeyId === refused ? undefined : identity;
  };

  return (next: Finalize, context: HandlerExecutionContext): Finalize =>
    async (args) => {
      try {
        return await next(args);
      } catch (error) {
        const { method, body } = args.request as HttpMessage;
        const accessKeyId = signedWith.get(context);
        if (accessKeyId === undefined || !(error instanceof Error) || staleness(error, method) === "other") throw error;
        const replay: Replay = { accessKeyId, reason: serviceCode(error), command: context.commandName ?? "a command" };
        try {
          const signal = abortSignalOf(context);
          const identity = await others(error, accessKeyId, method, signal);
          if (identity === undefined) throw error;
          if (!canBeSentAgain(body)) throw bodyNotReplayable(replay, error);
          signal?.throwIfAborted();
          events.emit("replayed", replay);
          return await next(args);
        } catch (final) {
          surface(final, error, replay, method, { keeper, clock, events }, signedWith.get(context));
          throw final;
        }
      }
    };
}

/** Tells of an error that means stale credentials and now reaches the caller; a second refusal is the Keeper's to know. */
function surface(
  final: unknown,
  first: unknown,
  replay: Replay,
  method: string,
  { keeper, events }: Exchange,
  signedWith: string | undefined,
): void {
  const refusedAgain = final !== first && final instanceof Error && staleness(final, method) === "stale";
  if (refusedAgain && signedWith !== undefined) void keeper.reject(signedWith, serviceCode(final));
  const told = final instanceof CredentialsRejectedError || final instanceof BodyNotReplayableError;
  if (refusedAgain || told) events.emit("surfaced", { ...replay, error: final });
}

function readingSignature({ keeper, clock }: Exchange, signedWith: SignedWith) {
  let sampledAt = Number.NEGATIVE_INFINITY;
  return (next: Finalize, context: HandlerExecutionContext): Finalize =>
    async (args: FinalizeHandlerArguments<object>) => {
      const { authorization = "" } = headersOf(args.request);
      const accessKeyId = /Credential=([^/,\s]+)\//.exec(authorization)?.[1];
      if (accessKeyId !== undefined) signedWith.set(context, accessKeyId);
      const sentAt = clock.now();
      const result = await next(args);
      if (sentAt - sampledAt >= SKEW_SAMPLE_INTERVAL_MS || sentAt < sampledAt) {
        sampledAt = sentAt;
        const skewMs = measureSkew(headersOf(result.response).date, sentAt, clock.now());
        if (skewMs !== undefined) keeper.noteSkew(skewMs);
      }
      return result;
    };
}

function headersOf(message: unknown): Readonly<Record<string, string | undefined>> {
  return (message as HttpMessage | undefined)?.headers ?? {};
}

/** The caller's `abortSignal`, where the SDK keeps it while a request is on its way. */
function abortSignalOf(context: HandlerExecutionContext): AbortSignal | undefined {
  const signal = context.__smithy_context?.abortSignal;
  return signal instanceof AbortSignal ? signal : undefined;
}

/** Text and bytes stay where they are; of a stream, what has been read is gone. */
function canBeSentAgain(body: unknown): boolean {
  return (
    body === undefined ||
    body === null ||
    typeof body === "string" ||
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body)
  );
}

function bodyNotReplayable({ accessKeyId, reason, command }: Replay, cause: Error): BodyNotReplayableError {
  return new BodyNotReplayableError(
    `the service refused ${command} because the credentials ${accessKeyId} are stale (${reason}), and its body is a ` +
      "stream that has been read in part, so it was not sent again. Other credentials are in place: send the request " +
      "again with a new stream, or give the body as a string or buffer and it is replayed for you.",
    { cause },
  );
}
