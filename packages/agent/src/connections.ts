/**
 * The connections of one server, and which of them makes room when there are too many: first who has been connected
 * longest without sending a request, then whose last request is longest ago. So thousands of idle connections cost
 * those who hold them theirs, and nobody else.
 */

import type { Socket } from "node:net";

export class Connections {
  /** Both oldest first. */
  readonly #silent = new Set<Socket>();
  readonly #used = new Set<Socket>();
  readonly #busy = new Set<Socket>();
  readonly #onEvicted: (socket: Socket) => void;
  max: number;

  constructor(max: number, onEvicted: (socket: Socket) => void) {
    this.max = max;
    this.#onEvicted = onEvicted;
  }

  get size(): number {
    return this.#silent.size + this.#used.size + this.#busy.size;
  }

  add(socket: Socket): void {
    if (this.size >= this.max) this.#makeRoom();
    this.#silent.add(socket);
    socket.once("close", () => {
      this.#silent.delete(socket);
      this.#used.delete(socket);
      this.#busy.delete(socket);
    });
  }

  /** A whole request has come. */
  begin(socket: Socket): void {
    this.#silent.delete(socket);
    this.#used.delete(socket);
    this.#busy.add(socket);
  }

  /** It has been answered. */
  end(socket: Socket): void {
    if (this.#busy.delete(socket)) this.#used.add(socket);
  }

  #makeRoom(): void {
    for (const idle of [this.#silent, this.#used, this.#busy]) {
      const [oldest] = idle;
      if (oldest === undefined) continue;
      idle.delete(oldest);
      oldest.destroy();
      this.#onEvicted(oldest);
      return;
    }
  }
}
