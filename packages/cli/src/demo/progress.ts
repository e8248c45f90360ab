/** Shows a demo while it runs: a few lines repainted in place on a terminal, plain lines elsewhere. */

import type { LaneCounts, LaneName } from "./lane-protocol.js";

interface DemoView {
  readonly elapsedHours: number;
  readonly hours: number;
  /** The faults now active, in words. */
  readonly faults: readonly string[];
  readonly lanes: Readonly<Record<LaneName, LaneCounts & { readonly imdsRequests: number }>>;
}

export interface Progress {
  /** A fault began or ended, or another thing worth a line of its own. */
  note(text: string): void;
  show(view: DemoView): void;
  /** Leaves the terminal ready for what comes next. */
  end(): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  return stream.isTTY ? new RepaintedProgress(stream) : new PlainProgress(stream);
}

class RepaintedProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #painted = 0;
  #newest: DemoView | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  note(text: string): void {
    this.#erase();
    this.#stream.write(`${text}\n`);
    if (this.#newest !== undefined) this.show(this.#newest);
  }

  show(view: DemoView): void {
    this.#newest = view;
    const width = 30;
    const done = Math.min(width, Math.round((view.elapsedHours / view.hours) * width));
    const lines = [
      "",
      `  ${clockFace(view.elapsedHours)} of ${clockFace(view.hours)}  ${"█".repeat(done)}${"░".repeat(width - done)}  ` +
        (view.faults.length === 0 ? "all is well" : `now: ${view.faults.join(", ")}`),
      laneLine("evertoken", view),
      laneLine("stock", view),
    ];
    this.#erase();
    // Cut to the window: a wrapped line would make the next repaint climb too little.
    const columns = this.#stream.columns;
    this.#stream.write(`${lines.map((line) => line.slice(0, Math.max(20, columns - 1))).join("\n")}\n`);
    this.#painted = lines.length;
  }

  end(): void {
    this.#painted = 0;
  }

  #erase(): void {
    if (this.#painted > 0) this.#stream.write(`\x1b[${this.#painted}A\x1b[0J`);
    this.#painted = 0;
  }
}

/** A line for each simulated hour is enough for a log. */
class PlainProgress implements Progress {
  readonly #stream: NodeJS.WriteStream;
  #nextHour = 1;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  show(view: DemoView): void {
    if (view.elapsedHours < this.#nextHour) return;
    this.#nextHour = Math.floor(view.elapsedHours) + 1;
    const lanes = `${laneLine("evertoken", view).trim()};  ${laneLine("stock", view).trim()}`;
    this.#stream.write(`${clockFace(view.elapsedHours)}  ${lanes}\n`);
  }

  end(): void {}
}

function laneLine(lane: LaneName, { lanes }: DemoView): string {
  const { requests, failed, replayed, imdsRequests } = lanes[lane];
  const counts = `${requests} requests, ${failed} failed, ${replayed} replayed, ${imdsRequests} to IMDS`;
  return `  ${lane.padEnd(10)}${counts}`;
}

/** 4.25 hours as `04:15`. */
export function clockFace(hours: number): string {
  const minutes = Math.floor(hours * 60 + 1e-6);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}
