/** The run's side of a simulator in a process of its own. */

import type { ClockReading } from "@evertoken/core";
import { Forked } from "../run/forked.js";
import type { FromSimulator, ToSimulator } from "./simulator-protocol.js";

type Ready = Extract<FromSimulator, { say: "ready" }>;

export class SimulatedWorld {
  readonly #process: Forked<ToSimulator, FromSimulator>;
  readonly #ready: Ready;

  private constructor(process: Forked<ToSimulator, FromSimulator>, ready: Ready) {
    this.#process = process;
    this.#ready = ready;
  }

  static async start({ rotating }: { readonly rotating: boolean }): Promise<SimulatedWorld> {
    const module = new URL("./simulator-process.js", import.meta.url);
    const process = new Forked<ToSimulator, FromSimulator>(module, {
      EVERTOKEN_BENCH_ROTATION: rotating ? "yes" : "no",
    });
    return new SimulatedWorld(process, (await process.receive()) as Ready);
  }

  get s3Url(): string {
    return this.#ready.s3Url;
  }

  /** What an SDK has to find in its environment to come here for credentials. */
  get environment(): Readonly<Record<string, string>> {
    return this.#ready.environment;
  }

  get clock(): ClockReading {
    return this.#ready.clock;
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Lets time run, and happen what is to happen. @returns the clock from now on. */
  async begin(): Promise<ClockReading> {
    this.#process.send({ ask: "begin" });
    return ((await this.#process.receive()) as Extract<FromSimulator, { say: "begun" }>).clock;
  }

  async imdsRequests(): Promise<number> {
    this.#process.send({ ask: "count" });
    return ((await this.#process.receive()) as Extract<FromSimulator, { say: "counted" }>).imdsRequests;
  }

  close(): Promise<void> {
    return this.#process.kill();
  }
}
