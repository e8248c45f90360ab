/** The demo's side of a lane: starts the process, talks to it, and makes sure that it ends. */

import { type ChildProcess, fork } from "node:child_process";
import { devNull } from "node:os";
import { join } from "node:path";
import { createEvents, type EventSource } from "@evertoken/core";
import type { LaneReport } from "@evertoken/telemetry/live";
import type { FromLane, LaneCounts, LaneResult, LaneTask, ToLane } from "./lane-protocol.js";

type LaneEvents = { progress: LaneCounts; report: LaneReport; checking: undefined };

/** There is nothing below the null device. */
const NO_FILE = join(devNull, "none");

export interface LaneProcess extends EventSource<LaneEvents> {
  /** Resolves when each of its clients has done its first request and it waits for the day to begin. */
  prepare(task: LaneTask): Promise<void>;
  /** Resolves when the day is over and everything is read back. */
  run(run: Omit<Extract<ToLane, { say: "run" }>, "say">): Promise<LaneResult>;
  /** Ends the process, whatever it does. */
  kill(): void;
}

/**
 * @param environment what the lane's clients find there: where IMDS listens, and the region. Nothing else that an AWS SDK
 * would take for configuration is passed on, so that the machine's own credentials are never used.
 */
export function startLane(environment: Readonly<Record<string, string>>): LaneProcess {
  const own = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_")));
  const child = fork(new URL("./lane.js", import.meta.url), {
    env: {
      ...own,
      AWS_CONFIG_FILE: NO_FILE,
      AWS_SHARED_CREDENTIALS_FILE: NO_FILE,
      ...environment,
    },
    // What the SDK warns about (an old Node.js, a stream that cannot be retried) is not the demo's to print.
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  return new ForkedLane(child);
}

class ForkedLane implements LaneProcess {
  readonly #child: ChildProcess;
  readonly #events = createEvents<LaneEvents>();
  readonly #replies = new Map<FromLane["say"], (message: FromLane) => void>();
  readonly #failed: Promise<never>;
  #complaints = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on("data", (text: Buffer) => {
      this.#complaints = (this.#complaints + text.toString()).slice(-4000);
    });
    child.on("message", (message: FromLane) => {
      if (message.say === "progress") {
        this.#events.emit("progress", message.counts);
        if (message.report !== undefined) this.#events.emit("report", message.report);
      }
      if (message.say === "checking") this.#events.emit("checking", undefined);
      this.#replies.get(message.say)?.(message);
    });
    this.#failed = new Promise((_, reject) => {
      child.on("error", reject);
      child.on("exit", (code, signal) => {
        reject(new Error(`a lane of the demo ended early (${signal ?? `exit ${code}`}):\n${this.#complaints}`));
      });
    });
    // Ending a lane on purpose looks the same from here; who waits for a reply hears it anyway.
    this.#failed.catch(() => {});
  }

  async prepare(task: LaneTask): Promise<void> {
    await this.#ask({ say: "prepare", task }, "prepared");
  }

  async run(run: Omit<Extract<ToLane, { say: "run" }>, "say">): Promise<LaneResult> {
    return (await this.#ask({ say: "run", ...run }, "finished")).result;
  }

  on<K extends keyof LaneEvents>(event: K, listener: (carried: LaneEvents[K]) => void): () => void {
    return this.#events.on(event, listener);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  #ask<S extends FromLane["say"]>(message: ToLane, reply: S): Promise<Extract<FromLane, { say: S }>> {
    const replied = new Promise<Extract<FromLane, { say: S }>>((resolve) => {
      this.#replies.set(reply, (told) => resolve(told as Extract<FromLane, { say: S }>));
    });
    this.#child.send(message);
    return Promise.race([replied, this.#failed]);
  }
}
