/**
 * The replay's first middleware, and what concerns the body alone: a stream is given to the SDK through a {@link Body}, so
 * that it can be given a second time.
 */

import type {
  InitializeHandler,
  InitializeHandlerArguments,
  InitializeHandlerOutput,
  MetadataBearer,
} from "@smithy/types";
import { bodyOf, isStream, type Stream } from "./body.js";
import { carrying, Exchange } from "./exchange.js";

type Initialize = InitializeHandler<object, MetadataBearer>;

/**
 * The way from the replay's second middleware back to {@link holdingBody}, which begins again with the body from its start. It is no error, so
 * that nobody in between tells the user of one: the SDK's retries would.
 */
export const beginAgain = () => ({ response: undefined, output: { $metadata: {} } });

/** At the beginning of the stack: finds the body, if it can be read once only, and gives it a second time. */
export function holdingBody(replayBufferBytes: number) {
  return (next: Initialize): Initialize =>
    (args) => {
      const member = streamIn(args.input);
      return member === undefined
        ? next(carrying(args, new Exchange()))
        : sendHoldingBody(next, args, member, replayBufferBytes);
    };
}

/** The member of an input that can be read once only; an operation has one body at most. */
function streamIn(input: object): string | undefined {
  for (const member in input) if (isStream((input as Record<string, unknown>)[member])) return member;
  return undefined;
}

async function sendHoldingBody(
  next: Initialize,
  args: InitializeHandlerArguments<object>,
  member: string,
  replayBufferBytes: number,
): Promise<InitializeHandlerOutput<MetadataBearer>> {
  const stream = (args.input as Record<string, Stream>)[member] as Stream;
  const body = await bodyOf(stream, replayBufferBytes);
  const exchange = new Exchange(body);
  // A Blob knows its length; once it is a stream, S3 must be told.
  const length = stream instanceof Blob && member === "Body" ? { ContentLength: stream.size } : {};
  const withBody = (value: unknown) =>
    carrying({ ...args, input: { ...length, ...args.input, [member]: value } }, exchange);
  try {
    const result = await next(withBody(body.first()));
    return exchange.replay === undefined ? result : await next(withBody(body.again()));
  } finally {
    body.release();
  }
}

/**
 * More than is kept, or nobody knows how much: let the service refuse before the body is sent, so that it can still be
 * read from its start. Handlers that cannot do this ignore the header.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.expect
 */
export function askBeforeSending(headers: Record<string, string>, replayBufferBytes: number): void {
  const length = Number(
    headers["content-length"] ?? headers["x-amz-decoded-content-length"] ?? Number.POSITIVE_INFINITY,
  );
  if (length > replayBufferBytes) headers.Expect = "100-continue";
}
