/** What was measured: plain JSON, kept as it is in files and compared again later. All times in the unit that the name ends in. */

export interface BenchRecord {
  readonly format: "evertoken-bench/1";
  /** ISO 8601. */
  readonly startedAt: string;
  /** Rounds were cut short: by the user, or by a candidate that died. */
  readonly complete: boolean;
  readonly machine: Machine;
  readonly settings: Settings;
  /** In the order of the command line: the first is the one that the others are compared with. */
  readonly candidates: readonly Candidate[];
  readonly measurements: readonly Measurement[];
  /** What makes the figures doubtful, in words: other load, throttling, too few cores, a target that is the bottleneck. */
  readonly warnings: readonly string[];
}

export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
}

export interface Settings {
  /** What each round runs, one after another. */
  readonly cases: readonly CaseSettings[];
  readonly rounds: number;
  readonly measureMs: number;
  /** At most this long, until figures are steady. */
  readonly warmUpMs: number;
  readonly seed: number;
  /** `discard`, `simulator`, or the endpoint. */
  readonly target: string;
  /** Of an endpoint of the user's own. */
  readonly bucket?: string;
  /** Of an endpoint of the user's own. */
  readonly region?: string;
}

export interface CaseSettings {
  /** `put-4KiB`, `get-1MiB`, `multipart-64MiB`, `head`, `delete`, `mixed`, `rotation`: unique in a record. */
  readonly name: string;
  readonly operation: "put" | "get" | "head" | "delete" | "multipart" | "mixed" | "rotation";
  readonly sizeBytes: number;
  readonly inFlight: number;
  /** Open loop: arrivals per second whatever the answers do; closed loop without. */
  readonly arrivalsPerSecond?: number;
  readonly tls: boolean;
  /** `default`: whatever the client does unless it is told; `crc32`, … or `when-required`. */
  readonly checksum: string;
}

export interface Candidate {
  /** As it was written on the command line. */
  readonly spec: string;
  /** What it turned out to be: `@aws-sdk/client-s3 3.1173.0 with undici`. */
  readonly resolved?: string;
  /** Why it takes no part. */
  readonly failure?: string;
}

/** One candidate, one case, one round, in a process of its own. */
export interface Measurement {
  /** Index into `candidates`. */
  readonly candidate: number;
  readonly case: string;
  readonly round: number;
  /** Place within the round's random order. */
  readonly place: number;
  readonly operations: number;
  /** Operations that failed, by error name; they count in no throughput. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly allocatedBytes?: number;
  readonly gcSeconds: number;
  readonly gcCount: number;
  readonly peakRssBytes: number;
  readonly loopDelayP99Ms: number;
  /** From the intended start in open loop. Microseconds → how many; bucket bounds grow by 1 %–2 % (HDR). */
  readonly latencies: readonly (readonly [upToUs: number, count: number])[];
  /** The measured time in equal pieces, in order: what the block bootstrap resamples. */
  readonly slices: readonly Slice[];
  /** Warm-up did not become steady in its time. */
  readonly unsteady?: boolean;
  /** Of the rotation case only: what callers felt. */
  readonly rotation?: Readonly<Record<string, number>>;
}

export interface Slice {
  readonly seconds: number;
  readonly operations: number;
  readonly cpuSeconds: number;
}
