/** What a run and a simulator in a process of its own say to each other. */

import type { ClockReading } from "@evertoken/core";

export interface ToSimulator {
  /** `begin`: the rotation case's half hour starts now. */
  readonly ask: "begin" | "count";
}

export type FromSimulator =
  | {
      readonly say: "ready";
      readonly s3Url: string;
      readonly clock: ClockReading;
      readonly environment: Readonly<Record<string, string>>;
    }
  | { readonly say: "begun"; readonly clock: ClockReading }
  | { readonly say: "counted"; readonly imdsRequests: number };
