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
export { type TextOptions, textReport } from "./report/text.js";
export { type CompareOptions, type Comparison, compareRecord, type Pair, type Row } from "./verdict/comparison.js";
export { METRIC_NAMES, type MetricName } from "./verdict/metrics.js";
export type { Word } from "./verdict/rule.js";
