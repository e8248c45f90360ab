/** Serves the built page as an admin port does, under the strictest policy, and speaks the feed's words for a {@link World}. */

import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { World } from "./world.js";

export const PAGE = fileURLToPath(new URL("../../dist/page/", import.meta.url));

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

export class PageServer {
  readonly #server = createServer(({ url = "/" }, answer) =>
    this.#answer(new URL(url, "http://page").pathname, answer),
  );
  readonly #listening = new Set<ServerResponse>();
  #world: World;
  #timer: NodeJS.Timeout | undefined;
  /** While true, nothing but the page's own files is answered. */
  isGone = false;
  /** How often somebody called. */
  hellos = 0;

  constructor(world: World) {
    this.#world = world;
  }

  async listen(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  get lines(): number {
    return this.#listening.size;
  }

  /** Another process takes over at the same address. */
  replace(world: World): void {
    this.#world = world;
  }

  /** One tick to everybody who listens. */
  tick(): void {
    const { tick, told } = this.#world.tick();
    this.#say("tick", tick);
    for (const one of told) this.#say("told", one);
  }

  run(everyMs: number): void {
    this.#timer = setInterval(() => this.tick(), everyMs);
  }

  /** Ends every line, as a process that ends does. */
  hangUp(): void {
    for (const answer of this.#listening) answer.end();
    this.#listening.clear();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.hangUp();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #say(event: string, value: unknown): void {
    for (const answer of this.#listening) answer.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`);
  }

  #answer(path: string, answer: ServerResponse): void {
    if (this.isGone && path.startsWith("/api/")) answer.writeHead(503).end();
    else if (path === "/api/mode") {
      answer.writeHead(200, { "content-type": "application/json" }).end('{"mode":"host"}');
    } else if (path === "/api/live") {
      answer.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
      answer.write(`event: hello\ndata: ${JSON.stringify(this.#world.hello())}\n\n`);
      this.hellos += 1;
      this.#listening.add(answer);
      answer.on("close", () => this.#listening.delete(answer));
    } else this.#answerFile(path === "/" ? "/index.html" : path, answer);
  }

  #answerFile(path: string, answer: ServerResponse): void {
    const type = TYPES[extname(path)];
    try {
      if (type === undefined || path.includes("..")) throw new Error("no such file");
      const content = readFileSync(`${PAGE}${path.slice(1)}`);
      answer
        .writeHead(200, {
          "content-type": type,
          "content-security-policy": POLICY,
          "x-content-type-options": "nosniff",
        })
        .end(content);
    } catch {
      answer.writeHead(404).end();
    }
  }
}
