/** What happens to the instance, as it is written on the command line: `maintenance:instance-reboot@90`. */

import type { PlannedInstanceEvent } from "@evertoken/simulator";
import { InvalidArgumentError } from "commander";

/** Events, with what stands behind their colon, and whether it must. */
const DETAILS: Readonly<Record<string, { readonly field: string; readonly needed: boolean } | undefined>> = {
  "spot-interruption": { field: "action", needed: false },
  "rebalance-recommendation": undefined,
  maintenance: { field: "code", needed: false },
  "lifecycle-state": { field: "state", needed: true },
  "role-attached": { field: "role", needed: true },
  "role-detached": undefined,
};

export const EVENT_HELP = `  spot-interruption[:stop|:hibernate]  the two minutes' notice; the instance is a Spot Instance then
  rebalance-recommendation
  maintenance[:CODE]                   instance-reboot, system-reboot, system-maintenance, instance-retirement, instance-stop
  lifecycle-state:STATE                what Auto Scaling wants: InService, Standby, Terminated, …
  role-attached:NAME, role-detached`;

/** For commander: one more event. What stands behind the colon is checked where the simulator starts. */
export function instanceEvent(text: string, before: readonly PlannedInstanceEvent[]): readonly PlannedInstanceEvent[] {
  const [, event = "", detail, minutes] = /^([a-z-]+)(?::(.+))?@(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (!Object.hasOwn(DETAILS, event)) {
    const known = Object.keys(DETAILS).join(", ");
    throw new InvalidArgumentError(`expected EVENT@MINUTES or EVENT:DETAIL@MINUTES, with one of ${known}.`);
  }
  const described = DETAILS[event];
  if (detail === undefined ? described?.needed : described === undefined) {
    throw new InvalidArgumentError(
      `${event} ${described === undefined ? "takes no detail" : `needs its ${described.field}`}.`,
    );
  }
  const more = described === undefined || detail === undefined ? {} : { [described.field]: detail };
  return [...before, { event, ...more, atHours: Number(minutes) / 60 } as PlannedInstanceEvent];
}
