export { type BackOffOptions, backOff } from "./back-off.js";
export { check, type Schema } from "./check.js";
export { type Clock, every, type Pauses, systemClock, type Timer } from "./clock.js";
export {
  ClosedError,
  describeError,
  EvertokenError,
  type EvertokenErrorOptions,
  InvalidInputError,
  type Problem,
} from "./errors.js";
export { createEvents, type EventSource, type Events, type Listener } from "./events.js";
export { hostHeaders, LOOPBACK_HOSTS } from "./local-hosts.js";
export type { LocalPage } from "./local-page.js";
export { jittered, type Random, seededRandom, systemRandom } from "./random.js";
export { hideFields, Secret } from "./secret.js";
export { measureSkew, SkewSampler } from "./skew.js";
export {
  NoAnswerInTime,
  type SmallAnswer,
  SmallHttpClient,
  type SmallRequest,
  UnreadableAnswer,
} from "./small-http.js";
export { parseJson, parseJsonObject } from "./small-json.js";
export { type ClockReading, VirtualClock, type VirtualClockOptions } from "./virtual-clock.js";
export { abortable, settlesWithin } from "./waiting.js";
