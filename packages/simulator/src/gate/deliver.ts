/** How an answer gets to the client: at once and whole, or as a fault wants it. */

import type { ServerResponse } from "node:http";
import type { Pauses } from "@evertoken/core";
import type { Answer, Delivery } from "./answer.js";

export interface Way {
  readonly delivery: Delivery;
  readonly pauses: Pauses;
  readonly signal: AbortSignal;
}

/** A drip is one such part of a second. */
const DRIPS_PER_SECOND = 10;

/** @throws when the simulator ends, or the client goes away, before it has all. */
export async function deliver(
  outgoing: ServerResponse,
  answer: Answer,
  { delivery, pauses, signal }: Way,
): Promise<void> {
  const { bodyAfterMs, bytesPerSecond, cutAt } = delivery;
  if (cutAt === 0) {
    outgoing.destroy();
    return;
  }
  outgoing.sendDate = false;
  outgoing.writeHead(answer.status, answer.headers);
  if (bodyAfterMs !== undefined) {
    outgoing.flushHeaders();
    await pauses.sleep(bodyAfterMs, signal);
  }
  const body = cutAt === undefined ? answer.body : answer.body.subarray(0, Math.floor(answer.body.length * cutAt));
  // What nobody waits for (the answer to a HEAD) has no body that could be slow or cut.
  if (bytesPerSecond !== undefined) {
    const drip = Math.max(1, Math.floor(bytesPerSecond / DRIPS_PER_SECOND));
    for (let sent = 0; sent < body.length; sent += drip) {
      await pauses.sleep((drip / bytesPerSecond) * 1000, signal);
      if (outgoing.destroyed) return;
      outgoing.write(body.subarray(sent, sent + drip));
    }
    outgoing.end();
    return;
  }
  if (cutAt === undefined || answer.body.length === 0) {
    outgoing.end(body);
    return;
  }
  // Cut when the half has left, so that the client gets to see it.
  outgoing.write(body, () => outgoing.destroy());
}
