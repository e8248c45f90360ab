/** How far a bench is: one line that is written over on a terminal, a line for each round elsewhere. */

import type { BenchProgress } from "@evertoken/bench";
import { systemClock } from "@evertoken/core";

export interface Progress {
  show(step: BenchProgress): void;
  /** Makes room for something else. */
  clear(): void;
}

type Measuring = Extract<BenchProgress, { kind: "measuring" }>;

export function startProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? new ProgressLine(stream) : new ProgressLog(stream);
}

class ProgressLine implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #beganAt: number | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(step: BenchProgress): void {
    const text = step.kind === "measuring" ? `${lineOf(step)}${this.#left(step)}` : sentenceOf(step);
    if (text !== undefined) this.#stream.write(`\r${text.slice(0, (this.#stream.columns || 80) - 1)}\u001b[K`);
  }

  clear(): void {
    this.#stream.write("\r\u001b[K");
  }

  #left({ done, total }: Measuring): string {
    const now = systemClock.monotonic();
    this.#beganAt ??= now;
    if (done === 0) return "";
    const seconds = Math.round(((now - this.#beganAt) / done / 1000) * (total - done));
    return seconds < 90 ? `, ${seconds} s left` : `, ${Math.round(seconds / 60)} min left`;
  }
}

class ProgressLog implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #round = -1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  show(step: BenchProgress): void {
    if (step.kind === "measuring" && step.round === this.#round) return;
    if (step.kind === "measuring") this.#round = step.round;
    const text = step.kind === "measuring" ? lineOf(step) : sentenceOf(step);
    if (text !== undefined) this.#stream.write(`${text}\n`);
  }

  clear(): void {}
}

function lineOf({ round, done, total, case: name }: Measuring): string {
  return `round ${round + 1}, ${done} of ${total} measured: ${name}`;
}

function sentenceOf(step: Exclude<BenchProgress, Measuring>): string | undefined {
  switch (step.kind) {
    case "resolving":
      return `looking for ${step.spec}`;
    case "resolved":
      return step.candidate.failure === undefined
        ? undefined
        : `${step.candidate.spec} takes no part: ${step.candidate.failure}`;
    case "measured":
      return undefined;
    case "cleaning-up":
      return "removing what was written";
  }
}
