/** A web page beside the answers that a server on loopback has for programs: made by one room, shown by another. */

import type { IncomingMessage, ServerResponse } from "node:http";

export interface LocalPage {
  /** Whether a request is for the page, and not for the server's own answers. */
  owns(request: IncomingMessage): boolean;
  /** Answers it. The page looks itself after who may ask: the server's own guard is for programs, and refuses browsers. */
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Ends the streams that are open, which would last for ever. Idempotent. */
  close(): void;
}
