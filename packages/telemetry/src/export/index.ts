export { type ExportedMetrics, exportMetrics } from "./export-metrics.js";
export type { ExportOptions, OtlpOptions, PrometheusOptions } from "./options.js";
