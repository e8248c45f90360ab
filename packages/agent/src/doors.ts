/** The agent's doors: a gate in front of each endpoint, all under the same rules, opened, told of changes and closed together. */

import { chmod, chown } from "node:fs/promises";
import { Callers } from "./callers.js";
import type { Handler, Via } from "./exchange.js";
import { Gate, type GateOptions, type GateRules, type Place } from "./gate.js";
import type { AgentSettings } from "./options.js";
import type { Owner } from "./private-file.js";
import { removeOldSocket } from "./unix-socket.js";

/** Sockets that somebody opened for the agent, by endpoint: `systemd`'s socket activation. */
export type HandedSockets = Readonly<Partial<Record<Via, number>>>;

/** The mode of token files with which the clients of the agent's group may ask. */
const GROUP_MAY_READ = 0o640;

export interface DoorsOptions extends Pick<GateOptions, "now" | "onRefused"> {
  readonly settings: AgentSettings;
  /** Those that somebody opened before. */
  readonly sockets: HandedSockets;
  /** Comes before each request's own handler. */
  readonly before: () => void;
}

export class Doors {
  readonly #options: DoorsOptions;
  readonly #callers = new Callers();
  readonly #gates = new Map<Via, Gate>();
  #rules: GateRules;

  constructor(options: DoorsOptions) {
    this.#options = options;
    this.#rules = rulesOf(options.settings);
  }

  /** Where it listens; undefined while it does not. */
  url(via: Via): string | undefined {
    return this.#gates.get(via)?.url;
  }

  /** One that was handed over may be a Unix socket whatever its name. */
  get areOnUnixSocket(): boolean {
    return [...this.#gates].some(([via, { isUnixSocket }]) => via !== "admin" && isUnixSocket);
  }

  async open(via: Via, place: Place, handler: Handler, page?: GateOptions["page"]): Promise<void> {
    const { settings, sockets, before, now, onRefused } = this.#options;
    const { clock, limits } = settings;
    const fd = sockets[via];
    const gate = await Gate.open({
      via,
      place: fd === undefined ? place : { fd },
      rules: this.#rules,
      callers: this.#callers,
      clock,
      maxHeaderBytes: limits.headerBytes,
      headersTimeoutMs: limits.requestMs,
      idleTimeoutMs: limits.idleMs,
      now,
      handler: (exchange) => {
        before();
        handler(exchange);
      },
      page,
      onRefused,
    });
    this.#gates.set(via, gate);
  }

  /** For those who may read the token: connecting to a Unix socket takes the right to write. */
  async openSocket(path: string, owner: Owner | undefined, handler: Handler): Promise<void> {
    await removeOldSocket(path);
    await this.open("socket", { path }, handler);
    await chmod(path, this.#options.settings.tokenFileMode === GROUP_MAY_READ ? 0o660 : 0o600);
    if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  }

  /** Who may come in, from now on. */
  apply(settings: AgentSettings): void {
    this.#rules = rulesOf(settings);
    for (const gate of this.#gates.values()) gate.apply(this.#rules);
  }

  /** Lets nobody in any more, and waits until those inside are answered. */
  async drain(drainMs: number): Promise<void> {
    await Promise.all([...this.#gates.values()].map((gate) => gate.drain(drainMs)));
  }
}

function rulesOf({ allowedHosts, callers, limits }: AgentSettings): GateRules {
  return { allowedHosts, callers, maxConnections: limits.connections };
}
