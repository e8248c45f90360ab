/** What the tests of the bench share: short runs, and clients of somebody's own, written to files. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchOptions, type BenchRecord, type BenchSettings, parseCases, runBench } from "@evertoken/bench";

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "evertoken-bench-test-"));
  #clients = 0;

  /** A client that does to each operation what `run` says. @returns its path. */
  client(run: string, { before = "", open = "() => ({})" } = {}): string {
    this.#clients += 1;
    const path = join(this.path, `client-${this.#clients}.mjs`);
    writeFileSync(
      path,
      `import { setTimeout as pause } from "node:timers/promises";
      ${before}
      export const open = ${open};
      export const run = async (client, operation) => { ${run} };
      export const close = () => undefined;`,
    );
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** A run that is over in a moment: what is asked of it is not how fast anything is. */
export function shortRun(
  settings: Partial<BenchSettings>,
  candidates: readonly string[],
  options: BenchOptions = {},
): Promise<BenchRecord> {
  const short = { cases: parseCases(["put-4KiB"]), rounds: 1, measureMs: 200, warmUpMs: 100 };
  return runBench({ ...short, ...settings }, candidates, options);
}
