/**
 * What EC2 announces to an instance, and what is done to its role, at instants: the categories below `events`, `spot` and
 * `autoscaling`, each of them absent until there is something to tell.
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
 * @see https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html
 */

import * as v from "valibot";
import { printed } from "../imds-categories.js";
import { instant } from "../instant.js";

const MAINTENANCE = {
  "instance-reboot": "scheduled reboot",
  "system-reboot": "scheduled reboot",
  "system-maintenance": "scheduled maintenance",
  "instance-retirement": "scheduled retirement",
  "instance-stop": "scheduled stop",
} as const;

const LIFECYCLE_STATES = ["Detached", "InService", "Standby", "Terminated"] as const;
const WARMED_STATES = ["Warmed:Hibernated", "Warmed:Running", "Warmed:Stopped", "Warmed:Terminated"] as const;

export type InstanceEvent =
  /** The two minutes' notice of a Spot Instance. */
  | {
      readonly event: "spot-interruption";
      /** Default `terminate`. */
      readonly action?: "terminate" | "stop" | "hibernate" | undefined;
      /** From the notice to the action. Default 2; hibernation begins at once. */
      readonly noticeMinutes?: number | undefined;
    }
  | { readonly event: "rebalance-recommendation" }
  | {
      readonly event: "maintenance";
      /** Default `system-reboot`. */
      readonly code?: keyof typeof MAINTENANCE | undefined;
      /** From the announcement to the beginning. Default 168: a week. */
      readonly inHours?: number | undefined;
      /** Default 2. */
      readonly lastsHours?: number | undefined;
    }
  /** Auto Scaling wants the instance in this state. */
  | {
      readonly event: "lifecycle-state";
      readonly state: (typeof LIFECYCLE_STATES)[number] | (typeof WARMED_STATES)[number];
    }
  /** A role comes to the instance, in the place of the one that is there. */
  | { readonly event: "role-attached"; readonly role: string }
  | { readonly event: "role-detached" };

/** An event on the timeline. Hours are counted from the start of the simulator, by its clock. */
export type PlannedInstanceEvent = InstanceEvent & { readonly atHours: number };

const positive = (unit: string) => {
  const message = (issue: { input: unknown }) => `is ${String(issue.input)}: expected ${unit}, 0 or more`;
  return v.pipe(v.number(message), v.finite(message), v.minValue(0, message));
};

export const roleName = v.pipe(
  v.string("must be the name of a role"),
  v.regex(
    /^[\w+=,.@-]{1,64}$/,
    (issue) => `is ${JSON.stringify(issue.input)}: expected 1 to 64 of A-Z a-z 0-9 _+=,.@-`,
  ),
);

const picked = <const T extends readonly string[]>(words: T) =>
  v.picklist(words, (issue) => `is ${String(issue.received)}: expected one of ${words.join(", ")}`);

const codes = Object.keys(MAINTENANCE) as [keyof typeof MAINTENANCE, ...(keyof typeof MAINTENANCE)[]];

const EVENTS = {
  "spot-interruption": {
    action: v.optional(picked(["terminate", "stop", "hibernate"])),
    noticeMinutes: v.optional(positive("minutes")),
  },
  "rebalance-recommendation": {},
  maintenance: {
    code: v.optional(picked(codes)),
    inHours: v.optional(positive("hours")),
    lastsHours: v.optional(positive("hours")),
  },
  "lifecycle-state": { state: picked([...LIFECYCLE_STATES, ...WARMED_STATES]) },
  "role-attached": { role: roleName },
  "role-detached": {},
};

const anyOf = <T extends v.ObjectEntries>(more: T) => {
  const event = <const Name extends keyof typeof EVENTS>(name: Name) =>
    v.strictObject({ event: v.literal(name), ...EVENTS[name], ...more });
  return v.variant(
    "event",
    [
      event("spot-interruption"),
      event("rebalance-recommendation"),
      event("maintenance"),
      event("lifecycle-state"),
      event("role-attached"),
      event("role-detached"),
    ],
    (issue) => `is ${String(issue.received)}: expected one of ${Object.keys(EVENTS).join(", ")}`,
  );
};

export const instanceEvent = anyOf({});
export const plannedInstanceEvent = anyOf({ atHours: positive("hours") });

/** An event that has been announced. */
export interface Announced {
  readonly event: InstanceEvent;
  /** Epoch milliseconds. */
  readonly at: number;
  /** Counts up from 1. */
  readonly number: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Categories that tell of what has been announced, as they read at `now`. Paths are below `/latest/`. */
export function eventCategories(
  announced: readonly Announced[],
  now: number,
  eventId: (number: number) => string,
): Map<string, string> {
  const tree = new Map<string, string>();
  const scheduled: object[] = [];
  const history: object[] = [];
  for (const { event, at, number } of announced) {
    if (event.event === "spot-interruption") tellInterruption(tree, event, at);
    if (event.event === "rebalance-recommendation") {
      tree.set("meta-data/events/recommendations/rebalance", JSON.stringify({ noticeTime: instant(at) }));
    }
    if (event.event === "lifecycle-state") tree.set("meta-data/autoscaling/target-lifecycle-state", event.state);
    if (event.event === "maintenance") {
      const { ended, entry } = maintenance(event, at, now);
      (ended ? history : scheduled).push({ ...entry, EventId: eventId(number) });
    }
  }
  tree.set("meta-data/events/maintenance/scheduled", list(scheduled));
  tree.set("meta-data/events/maintenance/history", list(history));
  return tree;
}

function tellInterruption(
  tree: Map<string, string>,
  { action = "terminate", noticeMinutes }: Extract<InstanceEvent, { event: "spot-interruption" }>,
  at: number,
): void {
  const minutes = noticeMinutes ?? (action === "hibernate" ? 0 : 2);
  const time = instant(at + minutes * MINUTE_MS);
  tree.set("meta-data/spot/instance-action", JSON.stringify({ action, time }));
  if (action === "terminate") tree.set("meta-data/spot/termination-time", time);
}

function maintenance(
  { code = "system-reboot", inHours = 168, lastsHours = 2 }: Extract<InstanceEvent, { event: "maintenance" }>,
  at: number,
  now: number,
) {
  const notBefore = at + inHours * HOUR_MS;
  const notAfter = notBefore + lastsHours * HOUR_MS;
  const ended = now >= notAfter;
  const entry = {
    NotBefore: longInstant(notBefore),
    Code: code,
    Description: `${ended ? "[Completed] " : ""}${MAINTENANCE[code]}`,
    NotAfter: longInstant(notAfter),
    State: ended ? "completed" : "active",
  };
  return { ended, entry };
}

/** `21 Jan 2019 09:00:43 GMT` */
function longInstant(epochMs: number): string {
  return new Date(epochMs).toUTCString().slice(5);
}

function list(entries: readonly object[]): string {
  return entries.length === 0 ? "[]" : `[ ${entries.map(printed).join(", ")} ]`;
}
