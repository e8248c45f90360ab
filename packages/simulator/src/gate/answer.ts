/** An answer as a whole, held in the hand: what a fault can look at and change before the client gets it. */

export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Another body, with everything that follows from it. */
export function withBody(answer: Answer, body: string | Buffer, contentType?: string): Answer {
  const bytes = Buffer.from(body);
  return {
    ...answer,
    headers: {
      ...answer.headers,
      "content-length": String(bytes.length),
      ...(contentType === undefined ? {} : { "content-type": contentType }),
    },
    body: bytes,
  };
}

/** How an answer travels; absent: at once and whole. */
export interface Delivery {
  /** The head at once, the body so many real milliseconds later. */
  readonly bodyAfterMs?: number;
  /** The body by and by. */
  readonly bytesPerSecond?: number;
  /** The connection is cut when this fraction of the body is sent; 0: before the head. */
  readonly cutAt?: number;
}
