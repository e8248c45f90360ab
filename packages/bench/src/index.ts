export { type BisectOptions, type BisectResult, type BisectStep, bisect } from "./bisect/bisect.js";
export { bisectText, stepText } from "./bisect/text.js";
export { type KeptRun, keepRecord, keptRuns, readRecord, runsFolder, saveRecord } from "./history/files.js";
export { type HistoryEntry, type HistoryOptions, historyOf, historyText } from "./history/history.js";
export type {
  BenchRecord,
  Candidate,
  CaseSettings,
  Machine,
  Measurement,
  Settings,
  Slice,
} from "./record.js";
export { htmlReport } from "./report/html/page.js";
export { markdownReport } from "./report/markdown.js";
export { singleReport } from "./report/single.js";
export { type TextOptions, textReport } from "./report/text.js";
export { type CompareOptions, type Comparison, compareRecord, type Pair, type Row } from "./verdict/comparison.js";
export { METRIC_NAMES, type MetricName } from "./verdict/metrics.js";
export type { Word } from "./verdict/rule.js";
