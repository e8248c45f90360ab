/** The body of a small request, read before its service does, which then reads it as if nobody had. */

import type { IncomingMessage } from "node:http";

/** Longer ones are not read: nothing that is asked in a form is. */
const MOST_BYTES = 64 * 1024;

/** Empty when there is none, or its length is not told or too much. */
export function readAhead(incoming: IncomingMessage): Promise<string> {
  const length = Number(incoming.headers["content-length"] ?? 0);
  if (!(length > 0 && length <= MOST_BYTES)) return Promise.resolve("");
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const take = () => {
      for (let chunk = incoming.read(); chunk !== null && size < length; chunk = incoming.read()) {
        chunks.push(chunk);
        size += chunk.length;
      }
      if (size >= length) done();
    };
    const done = () => {
      incoming.off("readable", take).off("close", done);
      const body = Buffer.concat(chunks);
      // Before its end is told: it then comes after the body once more.
      if (!incoming.destroyed) incoming.unshift(body);
      resolve(body.toString());
    };
    incoming.on("readable", take).once("close", done);
  });
}
