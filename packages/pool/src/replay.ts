/**
 * Replay: a request that a service refused because its credentials are stale, or because this host's clock is wrong, is
 * sent once more with other credentials or the right time.
 *
 * Three middlewares in the client's stack. One at the very beginning holds the body, if it can be read once only. One
 * stands between the SDK's retries and its signing, so that calling `next` again signs again without spending the retry
 * budget. The last, right behind the signing, reads which access key id the request was really signed with, because a
 * rotation may have come between.
 * @see https://github.com/aws/aws-sdk-js-v3 for the stack's steps: initialize, serialize, build, finalizeRequest, deserialize
 */

import { type Clock, type Events, measureSkew, SkewSampler } from "@evertoken/core";
import { CredentialsRejectedError, type Identity, type Keeper } from "@evertoken/credentials";
import type { FinalizeHandler, HandlerExecutionContext, MetadataBearer, Pluggable } from "@smithy/types";
import { BodyNotReplayableError } from "./errors.js";
import { carrying, Exchange, exchangeOf, type Replay } from "./exchange.js";
import { askBeforeSending, beginAgain, holdingBody } from "./holding-body.js";
import { isSkewed, serviceCode, staleness } from "./stale.js";

export type ReplayEvents = {
  /** A request is being sent once more, with other credentials or the right time. */
  replayed: Replay;
  /** A request that was sent once more has ended; `durationMs` counts from the refusal, waiting for credentials included. */
  replayEnded: Replay & { readonly durationMs: number; readonly error: unknown };
  /** An answer that means stale credentials reached the caller, as this error or as its cause. */
  surfaced: Replay & { readonly error: unknown };
};

export interface ReplaySettings {
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly events: Events<ReplayEvents>;
  /** How much of a stream is kept so that it can be sent again. */
  readonly replayBufferBytes: number;
  /** Told how far this host's clock is off when a service refused a request for it: sign by the right time from now on. */
  readonly learnSkew: (skewMs: number) => void;
}

/** A HEAD answered with a bare 400 may be the caller's own mistake, repeated: ask the source this often at most. */
const DOUBT_INTERVAL_MS = 10_000;

interface HttpMessage {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

type Finalize = FinalizeHandler<object, MetadataBearer>;

/** The three middlewares, for `client.middlewareStack.use(…)`. */
export function replayPlugin(settings: ReplaySettings): Pluggable<object, MetadataBearer> {
  return {
    applyToStack(stack) {
      stack.add(holdingBody(settings.replayBufferBytes), {
        name: "evertokenBodyMiddleware",
        step: "initialize",
        priority: "high",
        override: true,
      });
      stack.addRelativeTo(replaying(settings), {
        name: "evertokenReplayMiddleware",
        relation: "before",
        toMiddleware: "httpSigningMiddleware",
        override: true,
      });
      stack.addRelativeTo(readingSignature(settings), {
        name: "evertokenReadSignatureMiddleware",
        relation: "after",
        toMiddleware: "httpSigningMiddleware",
        override: true,
      });
    },
  };
}

function replaying(settings: ReplaySettings) {
  const { keeper, clock, events, replayBufferBytes, learnSkew } = settings;
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

  /** True when something has changed that makes another try worth it. */
  const mended = async (error: Error, exchange: Exchange, refused: string, method: string, signal?: AbortSignal) => {
    const skewMs = skewOf(error, exchange.sentAt, clock);
    if (skewMs !== undefined && isSkewed(error, skewMs)) {
      learnSkew(skewMs);
      keeper.noteSkew(skewMs);
      return true;
    }
    if (staleness(error, method) === "other") return false;
    return (await others(error, refused, method, signal)) !== undefined;
  };

  const { network } = clock;
  /** Tells of the end of a replay, if this was one; what the SDK's retries do after it is no part of it. */
  const ended = (exchange: Exchange, error?: unknown) => {
    const { replay, refusedAt } = exchange;
    if (replay === undefined || refusedAt === undefined) return;
    exchange.refusedAt = undefined;
    events.emit("replayEnded", { ...replay, durationMs: network.monotonic() - refusedAt, error });
  };

  return (next: Finalize, context: HandlerExecutionContext): Finalize =>
    async (given) => {
      const request = given.request as HttpMessage;
      const exchange = exchangeOf(given) ?? new Exchange();
      const args = carrying(given, exchange);
      const { body } = exchange;
      if (body !== undefined) askBeforeSending(request.headers, replayBufferBytes);
      try {
        const result = await next(args);
        ended(exchange);
        return result;
      } catch (error) {
        const { accessKeyId: refused, replay: before } = exchange;
        ended(exchange, error);
        if (refused === undefined || !(error instanceof Error)) throw error;
        if (before !== undefined) {
          surface(error, error, before, request.method, exchange, settings);
          throw error;
        }
        exchange.refusedAt = network.monotonic();
        const replay = {
          accessKeyId: refused,
          reason: serviceCode(error),
          command: context.commandName ?? "a command",
        };
        const signal = abortSignalOf(context);
        try {
          if (!(await mended(error, exchange, refused, request.method, signal))) throw error;
          if (body === undefined ? !canBeSentAgain(request.body) : !body.rewind()) {
            throw bodyNotReplayable(replay, error);
          }
          signal?.throwIfAborted();
          exchange.replay = replay;
          events.emit("replayed", replay);
        } catch (final) {
          surface(final, error, replay, request.method, exchange, settings);
          throw final;
        }
        if (body !== undefined) return beginAgain();
        try {
          const result = await next(args);
          ended(exchange);
          return result;
        } catch (final) {
          ended(exchange, final);
          surface(final, undefined, replay, request.method, exchange, settings);
          throw final;
        }
      }
    };
}

/**
 * Tells of an error that means stale credentials and now reaches the caller; a second refusal is the Keeper's to know.
 * @param first the refusal that `final` followed, if that was no replay.
 */
function surface(
  final: unknown,
  first: unknown,
  replay: Replay,
  method: string,
  { accessKeyId, replay: replayed }: Exchange,
  { keeper, events }: ReplaySettings,
): void {
  const refusedAgain = replayed !== undefined && final instanceof Error && staleness(final, method) === "stale";
  if (refusedAgain && accessKeyId !== undefined) void keeper.reject(accessKeyId, serviceCode(final));
  const told = final instanceof CredentialsRejectedError || final instanceof BodyNotReplayableError;
  if (refusedAgain || (told && final !== first)) events.emit("surfaced", { ...replay, error: final });
}

function readingSignature({ keeper, clock }: ReplaySettings) {
  const skew = new SkewSampler(clock, (skewMs) => keeper.noteSkew(skewMs));
  return (next: Finalize): Finalize =>
    async (args) => {
      const sentAt = clock.now();
      const exchange = exchangeOf(args);
      if (exchange !== undefined) {
        exchange.headers = headersOf(args.request);
        exchange.sentAt = sentAt;
      }
      const result = await next(args);
      skew.sample(headersOf(result.response).date, sentAt);
      return result;
    };
}

/** How far this host's clock is off, by the answer that an error carries. */
function skewOf(error: Error, sentAt: number, clock: Clock): number | undefined {
  const response = "$response" in error ? error.$response : undefined;
  return measureSkew(headersOf(response).date, sentAt, clock.now());
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
    `the service refused ${command} (${reason}, signed with ${accessKeyId}), and of its body, a stream, more had been ` +
      "read than is kept, so it was not sent again. What was wrong is mended: send the request again with a new stream, " +
      "raise replayBufferBytes, or give the body as a string, buffer, Blob or file stream and it is replayed for you.",
    { cause },
  );
}
