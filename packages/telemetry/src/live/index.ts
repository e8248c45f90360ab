export type { News } from "./keeper-news.js";
export { LaneRecorder, type LaneRecorderOptions, type LaneReport } from "./lane-recorder.js";
export { type LiveEvents, type LiveFeed, LiveRecord, type LiveRecordOptions } from "./live-record.js";
export { RemoteLane } from "./remote-lane.js";
export { joinedLane, SimulatedLane, type SimulatedLaneOptions, type SimulatedWorld } from "./simulated-lane.js";
export type {
  Hello,
  LiveFault,
  LiveGeneration,
  LiveImds,
  LiveKeeper,
  LiveLane,
  LiveMember,
  LivePool,
  LiveState,
  Sample,
  Tick,
  Told,
  Totals,
} from "./state.js";
