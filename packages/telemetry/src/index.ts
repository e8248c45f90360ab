export { observeHost } from "./host.js";
export { METRICS, type Metric } from "./metrics.js";
export type { AnyPool, Observable } from "./observable.js";
export { type ObserveOptions, observe } from "./observe.js";
export { type ObservedTrouble, observeTroubles } from "./troubles.js";
