/** What the `evertoken bench` command, and whoever measures from code, needs. */

// Judging and reporting
export { type BisectOptions, type BisectResult, type BisectStep, bisect } from "./bisect/bisect.js";
export { bisectText, stepText } from "./bisect/text.js";
// Running
export type { ClientModule, ClientSettings, Counters, Operation } from "./candidates/client.js";
export { parseCandidate } from "./candidates/spec.js";
export { publishedVersions } from "./candidates/versions.js";
export { CASE_NAMES, type CaseOptions, CHECKSUMS, parseCases } from "./cases/cases.js";
export { readWorkload, type WorkloadOptions } from "./cases/workload-file.js";
export { type KeptRun, keepRecord, keptRuns, readRecord, runsFolder, saveRecord } from "./history/files.js";
export { type HistoryEntry, type HistoryOptions, historyOf, historyText } from "./history/history.js";
// Records
export type * from "./record.js";
export { htmlReport } from "./report/html/page.js";
export { markdownReport } from "./report/markdown.js";
export { singleReport } from "./report/single.js";
export { type TextOptions, textReport } from "./report/text.js";
export { type BenchOptions, type BenchProgress, NotConfirmedError, runBench, TargetError } from "./run/bench.js";
export { type BenchSettings, DEFAULTS } from "./run/settings.js";
export { isLoopback } from "./target/bench-target.js";
export { type CompareOptions, type Comparison, compareRecord, type Pair } from "./verdict/comparison.js";
export { FEWEST_ROUNDS } from "./verdict/doubts.js";
export { METRIC_NAMES, type MetricName } from "./verdict/metrics.js";
export type { Row } from "./verdict/rows.js";
export type { Word } from "./verdict/rule.js";
