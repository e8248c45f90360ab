/**
 * A run: every candidate in every case, round after round, each time in processes of their own that take turns, so that
 * whatever the machine does beside it hits all of them alike. The number of rounds is fixed beforehand:
 * going on until a difference shows would find one.
 */

import { randomUUID } from "node:crypto";
import { describeError, EvertokenError, seededRandom, systemClock } from "@evertoken/core";
import { defaultCacheDir } from "../candidates/install.js";
import type { Loadable } from "../candidates/load.js";
import { CandidateResolver, type Resolved } from "../candidates/resolve.js";
import { type CandidateSpec, parseCandidate } from "../candidates/spec.js";
import type { BenchRecord, Candidate, CaseSettings, Measurement, Settings } from "../record.js";
import { type BenchTarget, isLoopback, openTarget } from "../target/bench-target.js";
import { describeMachine } from "./machine.js";
import { objectsToRead } from "./operations.js";
import { CandidateDied } from "./participant.js";
import type { Task } from "./protocol.js";
import { playRotation } from "./rotation-round.js";
import { playRound, type Result, type RoundResult } from "./round.js";
import { type BenchSettings, benchSettings } from "./settings.js";
import { shuffled } from "./shuffled.js";
import { Storage } from "./storage.js";
import { sumOf } from "./warm-up.js";
import { Warnings } from "./warnings.js";

export type BenchProgress =
  /** A release may have to be installed for it. */
  | { readonly kind: "resolving"; readonly spec: string }
  | { readonly kind: "resolved"; readonly candidate: Candidate }
  /** `done` of `total` measurements are behind it. */
  | {
      readonly kind: "measuring";
      readonly case: string;
      readonly round: number;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly kind: "measured";
      readonly candidate: Candidate;
      readonly measurement: Measurement;
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: "cleaning-up" };

export interface BenchOptions {
  /** Ends the run early: what was measured is kept, what was written is removed. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: BenchProgress) => void) | undefined;
  /** Where releases of the SDK are installed. Default: `evertoken/bench` under the user's cache. */
  readonly cacheDir?: string | undefined;
  /**
   * Asked before anything is written to an endpoint that is not on this machine. Default: no.
   * @param where what will be written to, and under which prefix; it is removed in the end.
   */
  readonly confirm?: ((where: { endpoint: string; bucket: string; prefix: string }) => Promise<boolean>) | undefined;
}

/** Nobody said that something may be written there. */
export class NotConfirmedError extends EvertokenError {
  override readonly code = "NOT_CONFIRMED";
}

/** The target cannot be measured against: it refuses even what the run itself has to write there. */
export class TargetError extends EvertokenError {
  override readonly code = "TARGET_FAILED";
}

/**
 * @param candidates as on the command line: `sdk@3.700.0`, `pool+fast`, `./my-client.mjs`. What cannot be installed, opened or
 * kept alive takes no part, and its `failure` says why.
 * @throws InvalidInputError, NotConfirmedError or CredentialsUnavailableError before anything was done; TargetError.
 */
export async function runBench(
  settings: BenchSettings,
  candidates: readonly string[],
  options: BenchOptions = {},
): Promise<BenchRecord> {
  const specs = candidates.map((spec) => ({ spec, parsed: parseCandidate(spec) }));
  const checked = benchSettings(settings);
  const prefix = `evertoken-bench/${randomUUID()}/`;
  await assertAllowed(checked, prefix, options);
  const toRead = checked.cases.filter((of) => objectsToRead(of).length > 0).map(({ sizeBytes }) => sizeBytes);
  const target = await openTarget(checked, [...new Set(toRead)]);
  try {
    await target.credentials();
    return await new Run({ settings: checked, target, prefix, options }).record(specs);
  } finally {
    await target.close();
  }
}

async function assertAllowed({ target: endpoint, bucket = "" }: Settings, prefix: string, { confirm }: BenchOptions) {
  if (endpoint === "discard" || endpoint === "simulator" || isLoopback(endpoint)) return;
  if (await confirm?.({ endpoint, bucket, prefix })) return;
  throw new NotConfirmedError(
    `nothing was written to ${bucket} at ${endpoint}, which is not on this machine: the bench writes there only when told so`,
  );
}

interface RunOptions {
  readonly settings: Settings;
  readonly target: BenchTarget;
  /** Everything that is written has it, so that it can be found and removed. */
  readonly prefix: string;
  readonly options: BenchOptions;
}

type Specs = readonly { readonly spec: string; readonly parsed: CandidateSpec }[];

/** One case in one round: everybody's turn. */
interface Sitting {
  readonly of: CaseSettings;
  readonly round: number;
  /** Indices into the candidates, in the order of their places. */
  readonly order: readonly number[];
}

interface Where {
  /** Of the candidate. */
  readonly index: number;
  readonly of: CaseSettings;
  readonly round: number;
  readonly place: number;
}

class Run {
  readonly #settings: Settings;
  readonly #target: BenchTarget;
  readonly #prefix: string;
  readonly #options: BenchOptions;
  readonly #signal: AbortSignal;
  readonly #storage: Storage | undefined;
  readonly #warnings = new Warnings();
  readonly #measurements: Measurement[] = [];
  readonly #candidates: Resolved[] = [];

  constructor({ settings, target, prefix, options }: RunOptions) {
    this.#settings = settings;
    this.#target = target;
    this.#prefix = prefix;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
    this.#storage = target.stores ? new Storage(target) : undefined;
  }

  async record(specs: Specs): Promise<BenchRecord> {
    const startedAt = new Date(systemClock.now()).toISOString();
    const complete = await this.#run(specs);
    return {
      format: "evertoken-bench/1",
      startedAt,
      complete,
      machine: describeMachine(),
      settings: this.#settings,
      candidates: this.#candidates.map(({ candidate }) => candidate),
      measurements: this.#measurements,
      warnings: this.#warnings.all(),
    };
  }

  /** @returns whether all that was planned was measured. */
  async #run(specs: Specs): Promise<boolean> {
    try {
      await this.#resolve(specs);
      await this.#prepare();
      const sittings = this.#plan();
      const planned = sittings.reduce((sum, { order }) => sum + order.length, 0);
      for (const sitting of sittings) await this.#hold(sitting, planned);
      return this.#measurements.length === planned;
    } catch (error) {
      if (!this.#signal.aborted) throw error;
      // Those that were not looked at yet.
      const unresolved = specs.slice(this.#candidates.length);
      this.#candidates.push(
        ...unresolved.map(({ spec }) => ({ candidate: { spec, failure: "the run was ended before" } })),
      );
      return false;
    } finally {
      await this.#removeAll();
      this.#storage?.close();
    }
  }

  async #resolve(specs: Specs): Promise<void> {
    const resolver = new CandidateResolver(this.#options.cacheDir ?? defaultCacheDir(), this.#signal);
    for (const { spec, parsed } of specs) {
      this.#tell({ kind: "resolving", spec });
      const resolved = await resolver.resolve(spec, parsed);
      this.#candidates.push(resolved);
      this.#tell({ kind: "resolved", candidate: resolved.candidate });
    }
  }

  async #prepare(): Promise<void> {
    for (const of of this.#settings.cases) {
      this.#signal.throwIfAborted();
      await this.#storage?.prepare(of, this.#prefix).catch((error: unknown) => {
        const { target, bucket = this.#target.bucket } = this.#settings;
        throw new TargetError(
          `what ${of.name} reads cannot be written to ${bucket} at ${target}: ${describeError(error)}`,
        );
      });
    }
  }

  /** Everything that is to be measured, in its order. Cases follow each other in each round; in each, candidates are shuffled. */
  #plan(): Sitting[] {
    const { rounds, cases, seed } = this.#settings;
    const random = seededRandom(seed);
    const present = [...this.#candidates.keys()].filter((index) => this.#candidates[index]?.loadable !== undefined);
    return Array.from({ length: rounds }, (_, round) =>
      cases.map((of) => ({ of, round, order: shuffled(present, random) })),
    ).flat();
  }

  async #hold(sitting: Sitting, planned: number): Promise<void> {
    // Some may have died since it was planned.
    const order = sitting.order.filter((index) => this.#candidates[index]?.loadable !== undefined);
    if (order.length === 0) return;
    const { of, round } = sitting;
    this.#signal.throwIfAborted();
    this.#tell({ kind: "measuring", case: of.name, round, done: this.#measurements.length, total: planned });
    const writePrefix = `${this.#prefix}${of.name}-${round}/`;
    const { results, conditions } = await this.#play(sitting, order, writePrefix);
    this.#warnings.addConditions(conditions);
    for (const [place, index] of order.entries()) {
      const result = results[place] as Result | CandidateDied;
      if (result instanceof CandidateDied) this.#leave(index, `in round ${round + 1} of ${of.name}: ${result.message}`);
      else {
        const measurement = await this.#judge({ index, of, round, place: sitting.order.indexOf(index) }, result);
        this.#measurements.push(measurement);
        const { candidate } = this.#candidates[index] as Resolved;
        this.#tell({ kind: "measured", candidate, measurement, done: this.#measurements.length, total: planned });
      }
    }
    await this.#storage?.removeAll(writePrefix).catch((error: unknown) => this.#cannotRemove(error));
  }

  /** It takes no further part. */
  #leave(index: number, failure: string): void {
    const { candidate } = this.#candidates[index] as Resolved;
    this.#candidates[index] = { candidate: { ...candidate, failure } };
  }

  async #play({ of, round }: Sitting, order: readonly number[], writePrefix: string): Promise<RoundResult> {
    const { warmUpMs, measureMs, seed } = this.#settings;
    const { pid, caFile } = this.#target;
    const tasks = await Promise.all(order.map((index) => this.#task(index, of, `${writePrefix}${index}/`)));
    if (of.operation === "rotation") return playRotation(tasks, this.#signal);
    const environment = {
      AWS_EC2_METADATA_DISABLED: "true",
      ...(caFile !== undefined && { NODE_EXTRA_CA_CERTS: caFile }),
    };
    const signal = this.#signal;
    return playRound({ of, warmUpMs, measureMs, seed: seed + round, environment, targetPid: pid, signal }, tasks);
  }

  async #task(index: number, of: CaseSettings, writePrefix: string): Promise<Task> {
    const { region, bucket } = this.#target;
    const { inFlight, checksum } = of;
    const { loadable: client } = this.#candidates[index] as Resolved & { readonly loadable: Loadable };
    const endpoint = this.#target.endpoint(of);
    const settings = { endpoint, region, credentials: await this.#target.credentials(), inFlight, checksum };
    return {
      client,
      settings,
      of,
      place: { bucket, readPrefix: this.#prefix, writePrefix },
      seed: this.#settings.seed,
    };
  }

  /** What of a result counts, after a look at whether the target kept what it acknowledged. */
  async #judge(where: Where, { report, slices, unsteady, targetCores }: Result): Promise<Measurement> {
    const { index, of, round, place } = where;
    const { acknowledged, saidFirst, counters: _, ...recorded } = report;
    const missing = await this.#missing(of, acknowledged);
    const figures = { ...sumOf(slices), ...recorded, slices };
    const counted = missing.length === 0 ? figures : withoutThroughput(figures);
    const { operations, failures } = counted;
    const { spec } = (this.#candidates[index] as Resolved).candidate;
    const lied = { missing: missing.length, looked: acknowledged.length };
    this.#warnings.add({ spec, of, targetCores, operations, failures, saidFirst, unsteady, lied });
    return { candidate: index, case: of.name, round, place, ...counted, ...(unsteady && { unsteady }) };
  }

  async #missing(of: CaseSettings, acknowledged: readonly string[]): Promise<readonly string[]> {
    // What the rotation case writes goes with its world.
    if (this.#storage === undefined || of.operation === "rotation") return [];
    try {
      return await this.#storage.missing(of, acknowledged);
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#warnings.say(`what ${of.name} wrote could not be looked at: ${describeError(error)}`);
      return [];
    }
  }

  async #removeAll(): Promise<void> {
    if (this.#storage === undefined) return;
    this.#tell({ kind: "cleaning-up" });
    try {
      await this.#storage.removeAll(this.#prefix);
      await this.#storage.removeStragglers(this.#prefix);
    } catch (error) {
      this.#cannotRemove(error);
    }
  }

  #cannotRemove(error: unknown): void {
    const where = `${this.#prefix} in ${this.#target.bucket}`;
    this.#warnings.say(`what was written could not be removed (${describeError(error)}): remove ${where} by hand`);
  }

  #tell(progress: BenchProgress): void {
    this.#options.onProgress?.(progress);
  }
}

/** Of a target that acknowledges what it does not keep, nothing counts: how many more it has lost, nobody knows. */
function withoutThroughput<T extends Pick<Measurement, "operations" | "failures" | "latencies" | "slices">>(
  figures: T,
): T {
  const { operations, failures, slices } = figures;
  return {
    ...figures,
    operations: 0,
    latencies: [],
    slices: slices.map((slice) => ({ ...slice, operations: 0 })),
    failures: { ...failures, NotStored: operations },
  };
}
