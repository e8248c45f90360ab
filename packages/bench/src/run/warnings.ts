/** What makes the figures of a run doubtful, in words: one sentence for each kind, however often it happened. */

import { availableParallelism } from "node:os";
import type { CaseSettings } from "../record.js";
import type { Conditions } from "./machine.js";

/** A fifth of a core moves figures by more than most regressions do. */
const OTHER_CORES = 0.1;

const STOLEN_CORES = 0.02;

/** From here on the target is what is measured: a single thread cannot do more than a core. */
const TARGET_CORES = 0.9;

/** The client and the target each want one. */
const CORES = 2;

/** A share of failures that nobody would take for chance. */
const FAILED = 0.01;

/** Of one measurement. */
interface Observed {
  readonly spec: string;
  readonly of: CaseSettings;
  readonly targetCores: number | undefined;
  readonly operations: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly saidFirst: Readonly<Record<string, string>>;
  readonly unsteady: boolean;
  /** Of acknowledged writes that were looked at, those that were not there. */
  readonly lied?: { readonly missing: number; readonly looked: number };
}

export class Warnings {
  readonly #conditions: Conditions[] = [];
  readonly #observed: Observed[] = [];
  readonly #others = new Set<string>();

  add(observed: Observed): void {
    this.#observed.push(observed);
  }

  /** Of the machine, while a case was measured in a round. */
  addConditions(conditions: readonly Conditions[]): void {
    this.#conditions.push(...conditions);
  }

  /** Something of the run itself. */
  say(warning: string): void {
    this.#others.add(warning);
  }

  all(): string[] {
    const sentences = [
      tooFewCores(),
      this.#otherLoad(),
      this.#stolen(),
      this.#throttled(),
      this.#unsteady(),
      ...this.#busyTargets(),
      ...this.#lies(),
      ...this.#failures(),
    ];
    return [...sentences.filter((sentence) => sentence !== undefined), ...this.#others];
  }

  #otherLoad(): string | undefined {
    const others = this.#conditions.flatMap(({ otherCores }) => otherCores ?? []);
    const average = others.reduce((sum, one) => sum + one, 0) / Math.max(1, others.length);
    if (average < OTHER_CORES) return undefined;
    return (
      `other work kept ${average.toFixed(2)} cores busy on average, ${Math.max(...others).toFixed(2)} at most, of ` +
      `${availableParallelism()}: run nothing else meanwhile`
    );
  }

  #stolen(): string | undefined {
    const stolen = this.#conditions.map(({ stolenCores }) => stolenCores);
    const average = stolen.reduce((sum, one) => sum + one, 0) / Math.max(1, stolen.length);
    if (average < STOLEN_CORES) return undefined;
    return `the hypervisor gave ${average.toFixed(2)} cores of this machine's time to others (steal)`;
  }

  #throttled(): string | undefined {
    const count = this.#conditions.reduce((sum, { throttled }) => sum + throttled, 0);
    if (count === 0) return undefined;
    return `the CPU was held back ${count} times, for a container's quota or its heat`;
  }

  #unsteady(): string | undefined {
    const unsteady = this.#observed.filter((one) => one.unsteady).length;
    if (unsteady === 0) return undefined;
    return `the warm-up was not steady at its end in ${unsteady} of ${this.#observed.length} measurements: give it longer`;
  }

  #busyTargets(): string[] {
    const busy = this.#observed.filter(({ targetCores = 0 }) => targetCores >= TARGET_CORES);
    return grouped(
      busy,
      (where) => `the target was the bottleneck of ${where}: its core was busy, so throughput is its own`,
    );
  }

  #lies(): string[] {
    const lies = this.#observed.filter(({ lied }) => (lied?.missing ?? 0) > 0);
    return grouped(lies, (where, group) => {
      const missing = group.reduce((sum, { lied }) => sum + (lied?.missing ?? 0), 0);
      const looked = group.reduce((sum, { lied }) => sum + (lied?.looked ?? 0), 0);
      return (
        `the target did not keep what it acknowledged to ${where}: of ${looked} writes that were looked at, ${missing} were ` +
        "not there or not what was written. None of those measurements counts as throughput"
      );
    });
  }

  #failures(): string[] {
    const failing = this.#observed.filter(({ operations, failures }) => {
      const failed = sum(failures);
      return failed > 0 && failed >= FAILED * (operations + failed);
    });
    return grouped(failing, (where, group) => {
      const failed = group.reduce((total, { failures }) => total + sum(failures), 0);
      const asked = group.reduce((total, { operations }) => total + operations, failed);
      const said = Object.entries(
        Object.assign({}, ...group.map(({ saidFirst }) => saidFirst)) as Record<string, string>,
      );
      const why = said.map(([name, text]) => `${name}: ${text}`).join("; ");
      return `${failed} of ${asked} operations of ${where} failed (${why.slice(0, 300)})`;
    });
  }
}

function tooFewCores(): string | undefined {
  if (availableParallelism() >= CORES) return undefined;
  return "this machine has one core for both the client and the target: CPU time is comparable, throughput is not";
}

/** A sentence for each candidate and case. */
function grouped(all: readonly Observed[], sentence: (where: string, group: readonly Observed[]) => string): string[] {
  const groups = new Map<string, Observed[]>();
  for (const one of all) {
    const where = `${one.spec} in ${one.of.name}`;
    groups.set(where, [...(groups.get(where) ?? []), one]);
  }
  return [...groups].map(([where, group]) => sentence(where, group));
}

function sum(failures: Readonly<Record<string, number>>): number {
  return Object.values(failures).reduce((total, count) => total + count, 0);
}
