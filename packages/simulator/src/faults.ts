/**
 * The faults: what can be made to go wrong, by name. To add one, add a line here and ask for it where it takes effect.
 */

import * as v from "valibot";

export interface FaultDescription {
  /** What it does, in a sentence. */
  readonly does: string;
  /** `period`: until it is ended. `instant`: done when it begins. `count`: over when it has struck often enough. */
  readonly kind: "period" | "instant" | "count";
}

export const FAULTS = {
  "imds-down": { kind: "period", does: "IMDS cuts every connection without an answer." },
  "imds-slow": { kind: "period", does: "IMDS takes `delayMs` (default 900) of real time for each answer." },
  "imds-error": { kind: "period", does: "IMDS answers everything with `status` (default 500)." },
  "imds-token-fails-once": {
    kind: "count",
    does: "The next session-token request, or the next `count` of them, is answered 503.",
  },
  "session-tokens-forgotten": { kind: "instant", does: "IMDS no longer knows the session tokens it granted." },
  "credentials-revoked": {
    kind: "instant",
    does: "S3 refuses all credentials issued so far as expired; IMDS has others at once.",
  },
  "credentials-stuck": { kind: "period", does: "IMDS goes on handing out the same credentials: no rotation." },
} as const satisfies Record<string, FaultDescription>;

export type FaultName = keyof typeof FAULTS;

/** What some faults can be told. */
export interface FaultOptions {
  /** `imds-slow`: how long each answer takes, in real milliseconds. Default 900. */
  readonly delayMs?: number | undefined;
  /** `imds-error`: the HTTP status. Default 500. */
  readonly status?: number | undefined;
  /** `imds-token-fails-once`: how many session-token requests fail. Default 1. */
  readonly count?: number | undefined;
}

/** A fault on the timeline. Hours are counted from the start of the simulator, by its clock. */
export interface FaultPeriod extends FaultOptions {
  readonly fault: FaultName;
  readonly fromHours: number;
  /** Not for faults of an instant. Absent: to the end. */
  readonly toHours?: number | undefined;
}

const OPTIONS_OF: Partial<Record<FaultName, keyof FaultOptions>> = {
  "imds-slow": "delayMs",
  "imds-error": "status",
  "imds-token-fails-once": "count",
};

const whole = (least: number, most: number) => {
  const message = (issue: { input: unknown }) =>
    `is ${String(issue.input)}: expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
};

const hours = v.pipe(
  v.number("must be a number of hours"),
  v.finite("must be a finite number of hours"),
  v.minValue(0, (issue) => `is ${issue.input}: expected hours, 0 or more`),
);

const names = Object.keys(FAULTS) as [FaultName, ...FaultName[]];

export const faultName = v.picklist(
  names,
  (issue) => `is ${String(issue.received)}: expected one of ${names.join(", ")}`,
);

const optionEntries = {
  delayMs: v.optional(whole(1, 600_000)),
  status: v.optional(whole(400, 599)),
  count: v.optional(whole(1, 1_000_000)),
};

export const faultOptions = v.strictObject(optionEntries);

export const faultPeriod = v.pipe(
  v.strictObject({ fault: faultName, fromHours: hours, toHours: v.optional(hours), ...optionEntries }),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { fault, fromHours, toHours, ...options } = dataset.value;
    if (toHours !== undefined && FAULTS[fault].kind === "instant") {
      addIssue({ message: `has toHours, but ${fault} happens in an instant: expected fromHours alone` });
    }
    if (toHours !== undefined && toHours <= fromHours) {
      addIssue({
        message: `ends at ${toHours} h, not after its start at ${fromHours} h: expected toHours > fromHours`,
      });
    }
    const foreign = foreignOption(fault, options);
    if (foreign !== undefined) addIssue({ message: `has ${foreign}, which means nothing to ${fault}` });
  }),
);

/** An option that is given and that this fault does not know. */
export function foreignOption(fault: FaultName, options: FaultOptions): string | undefined {
  return Object.entries(options).find(([name, value]) => value !== undefined && OPTIONS_OF[fault] !== name)?.[0];
}
