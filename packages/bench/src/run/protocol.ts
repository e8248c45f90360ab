/** What a run and its measuring processes say to each other. Over the channel of a forked process: never on a command line. */

import type { ClockReading } from "@evertoken/core";
import type { ClientSettings, Counters } from "../candidates/client.js";
import type { Loadable } from "../candidates/load.js";
import type { CaseSettings } from "../record.js";
import type { Place } from "./operations.js";
import type { Recorded } from "./recorder.js";

export interface Task {
  readonly client: Loadable;
  readonly settings: ClientSettings;
  readonly of: CaseSettings;
  readonly place: Place;
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
  /** Of the rotation case: the clock that everything lives on. */
  readonly clock?: ClockReading;
}

export interface Report extends Recorded {
  readonly counters: Counters;
  readonly rotation?: Readonly<Record<string, number>>;
}

export type ToMeasuring =
  | { readonly say: "task"; readonly task: Task }
  /** Of the rotation case: the clock runs like this from now on. */
  | { readonly say: "clock"; readonly clock: ClockReading };

export type FromMeasuring =
  /** The warm-up is over: whoever watches the machine or the target begins now. */
  | { readonly say: "measuring" }
  | { readonly say: "measured"; readonly report: Report }
  /** The client could not be opened. */
  | { readonly say: "failed"; readonly why: string };
