/** A service on a bare socket, for answers that no HTTP server would give: broken off, out of turn, never. */

import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** One request that has come as far as the end of its headers. */
interface Exchange {
  readonly socket: Socket;
  /** Request line and headers. */
  readonly head: string;
  /** Waits for that many bytes of the body, all of it unless told otherwise, and no longer than the connection lasts. */
  body(bytes?: number): Promise<void>;
}

export type Behaviour = (exchange: Exchange) => unknown;

export interface RawService {
  readonly url: string;
  readonly port: number;
  /** The heads of all requests so far. */
  readonly heads: readonly string[];
  /** Connections that are open. */
  readonly open: number;
  /** Connections so far. */
  readonly opened: number;
}

/** Behaves as the list says, request by request over all connections, and as the last one says from then on. */
export async function rawService(...behaviours: readonly Behaviour[]): Promise<RawService> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  let opened = 0;
  const server = createServer((socket) => {
    opened += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // Who breaks connections is not surprised by it.
    socket.on("error", () => {});
    void exchanges(socket, (exchange) => {
      heads.push(exchange.head);
      return behaviours[Math.min(heads.length, behaviours.length) - 1]?.(exchange);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    heads,
    get open() {
      return sockets.size;
    },
    get opened() {
      return opened;
    },
  };
}

const END_OF_HEAD = "\r\n\r\n";

async function exchanges(socket: Socket, behave: Behaviour): Promise<void> {
  const chunks = socket.iterator({ destroyOnReturn: false });
  let held = Buffer.alloc(0);
  let isOver = false;
  const more = async () => {
    const { value, done } = await chunks.next().catch(() => ({ value: undefined, done: true }));
    isOver ||= done === true;
    if (!isOver) held = Buffer.concat([held, value as Buffer]);
  };
  while (!isOver) {
    if (!held.includes(END_OF_HEAD)) {
      await more();
      continue;
    }
    const end = held.indexOf(END_OF_HEAD) + END_OF_HEAD.length;
    const head = held.subarray(0, end).toString("latin1");
    held = held.subarray(end);
    let rest = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    const body = async (bytes = rest) => {
      for (let wanted = Math.min(bytes, rest); wanted > 0 && !isOver; ) {
        if (held.length === 0) await more();
        const taken = Math.min(wanted, held.length);
        held = held.subarray(taken);
        wanted -= taken;
        rest -= taken;
      }
    };
    await behave({ socket, head, body });
    if (!socket.destroyed) await body();
  }
}

export interface RawAnswer {
  readonly status?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A complete answer. */
export function answerOf({ status = "200 OK", headers = {}, body = "" }: RawAnswer = {}): string {
  const all = { "content-length": String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n${body}`;
}

/** Reads the request to its end, then answers. */
export const answers =
  (answer: RawAnswer = {}): Behaviour =>
  async ({ socket, body }) => {
    await body();
    socket.write(answerOf(answer));
  };

/** S3's way to say no. */
export const refuses = (status: string, code: string): Behaviour =>
  answers({
    status,
    headers: { "content-type": "application/xml", "x-amz-request-id": "REQUEST", "x-amz-id-2": "HOST" },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>no</Message></Error>`,
  });
