/** The faults of a simulator, as a page shows and tells them. */

import { FAULTS, type FaultName, type Simulator } from "@evertoken/simulator";
import type { LiveFault, LiveRecord } from "@evertoken/telemetry/live";

export function liveFaults(simulator: Simulator): LiveFault[] {
  return simulator.activeFaults().map(({ name, startedAt, endsAt }) => ({
    name,
    description: FAULTS[name].does,
    since: startedAt,
    ...(Number.isFinite(endsAt) ? { until: endsAt } : {}),
  }));
}

/** Tells of each that begins or ends from now on. */
export function tellOfFaults(simulator: Simulator, live: LiveRecord): void {
  const does = (name: FaultName) => FAULTS[name].does;
  simulator.on("faultStarted", ({ name, at }) => {
    live.tell({ at, kind: "fault-started", severity: "warning", text: `The fault ${name} begins. ${does(name)}` });
  });
  simulator.on("faultEnded", ({ name, at }) => {
    live.tell({ at, kind: "fault-ended", severity: "good", text: `The fault ${name} is over.` });
  });
}
