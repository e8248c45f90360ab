/**
 * The end of an answer that comes before its request: the rest of a refused body is read and thrown away, so that the
 * client, which is still sending, gets to read why. Closing on unread bytes would make its system throw the answer away.
 */

import type { IncomingMessage, ServerResponse } from "node:http";

/** Bodies up to this size are read to their end, which is sooner done than another connection is made. */
const SMALL_BODY_BYTES = 1 << 20;

/** So much of a larger one is read: a client that has not looked for its answer by then does not look for it. */
const PATIENCE_BYTES = 64 << 20;

/** Whether the connection is to be closed after an answer to this request. To be asked before the answer's head is written. */
export function isWorthClosing({ complete, headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  if (complete || (length === undefined && headers["transfer-encoding"] === undefined)) return false;
  return length === undefined || Number(length) > SMALL_BODY_BYTES;
}

/** Writes the body of an answer, and ends it when the client has sent, or was given the time to read. */
export function endPatiently(incoming: IncomingMessage, outgoing: ServerResponse, body: string | Buffer): void {
  let left = PATIENCE_BYTES;
  const end = () => {
    if (!outgoing.writableEnded) outgoing.end();
  };
  incoming.once("end", end).once("close", end);
  incoming.on("data", (chunk: Buffer) => {
    left -= chunk.length;
    if (left <= 0) end();
  });
  if (body.length > 0) outgoing.write(body);
  else outgoing.flushHeaders();
}
