/** What the `evertoken bench` command, and whoever measures from code, needs. */

// Running
export type { ClientModule, ClientSettings, Counters, Operation } from "./candidates/client.js";
export { publishedVersions } from "./candidates/versions.js";
export { CASE_NAMES, type CaseOptions, CHECKSUMS, parseCases } from "./cases/cases.js";
export { readWorkload, type WorkloadOptions } from "./cases/workload-file.js";
// Records
export type * from "./record.js";
export { type BenchOptions, type BenchProgress, NotConfirmedError, runBench, TargetError } from "./run/bench.js";
export { type BenchSettings, DEFAULTS } from "./run/settings.js";
export { isLoopback } from "./target/bench-target.js";
