/** What a run and its measuring processes say to each other. Over the channel of a forked process: never on a command line. */

import type { ClockReading } from "@evertoken/core";
import type { ClientSettings, Counters } from "../candidates/client.js";
import type { Loadable } from "../candidates/load.js";
import type { CaseSettings } from "../record.js";
import type { Place } from "./operations.js";
import type { Recorded, Turn } from "./player.js";

export interface Task {
  readonly client: Loadable;
  readonly settings: ClientSettings;
  readonly of: CaseSettings;
  readonly place: Place;
  readonly seed: number;
  /** Of the rotation case: the clock that everything lives on. */
  readonly clock?: ClockReading;
}

export type ToMeasuring =
  | { readonly say: "open"; readonly task: Task }
  /** Plays for so long; `counts`: this is measured, not a warm-up. In the rotation case the clock runs like this from now on. */
  | { readonly say: "turn"; readonly ms: number; readonly counts: boolean; readonly clock?: ClockReading }
  | { readonly say: "finish" };

export interface Report extends Recorded {
  readonly counters: Counters;
  readonly rotation?: Readonly<Record<string, number>>;
}

export type FromMeasuring =
  | { readonly say: "opened" }
  | { readonly say: "played"; readonly turn: Turn }
  | { readonly say: "finished"; readonly report: Report }
  /** The client could not be opened, or closed. */
  | { readonly say: "failed"; readonly why: string };
