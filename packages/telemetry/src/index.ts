export { observeHost } from "./host.js";
export { METRICS, type Metric } from "./metrics.js";
export { type Observable, type ObserveOptions, observe } from "./observe.js";
export type { AnyPool } from "./pool.js";
