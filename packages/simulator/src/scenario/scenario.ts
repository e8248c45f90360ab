/**
 * A scenario: what goes wrong and when, what is expected in the end, and which SDKs are known to fail it. Written in YAML;
 * what is wrong with one is told with its line.
 */

import { InvalidInputError, type Problem } from "@evertoken/core";
import * as v from "valibot";
import { type Via, via } from "../environment.js";
import { type FaultPeriod, faultPeriod } from "../faults/options.js";
import { contentOf, yaml } from "../lazily.js";
import { duration } from "./durations.js";
import { type Expectation, expectation } from "./expectations.js";

export interface Scenario {
  /** What happens, in a line. */
  readonly title: string;
  /** The story behind it. */
  readonly about: string;
  /** Who is known to fail it. */
  readonly failedBy: readonly {
    readonly sdk: string;
    readonly versions: string;
    /** Where that was reported or measured. */
    readonly source: string;
  }[];
  /** By the simulator's clock. */
  readonly lastsMs: number;
  readonly simulator: {
    readonly credentialLifetimeMs?: number | undefined;
    readonly rotationIntervalMs?: number | undefined;
    readonly seed?: number | undefined;
    readonly speed?: number | undefined;
  };
  /** By which way its clients come to credentials. Default `imds`. */
  readonly via?: Via | undefined;
  readonly faults: readonly FaultPeriod[];
  readonly clock: readonly ClockChange[];
  readonly expect: readonly Expectation[];
}

/** What happens to the clock, and when. */
export interface ClockChange {
  readonly atMs: number;
  /** Steps the wall clock by so much; 0: no step. */
  readonly stepMs: number;
  /** Lets it run at another speed from then on. */
  readonly speed?: number | undefined;
}

const HOUR_MS = 3_600_000;

const text = v.pipe(v.string("must be text"), v.trim(), v.nonEmpty("must not be empty"));

const speed = v.pipe(
  v.number("must be a number of simulated seconds per real one"),
  v.minValue(0.001),
  v.maxValue(100_000),
);

/** A length of time, forwards or (with a minus) back. */
const step = v.pipe(
  v.union([
    v.pipe(
      v.string(),
      v.startsWith("-"),
      v.transform((text) => ({ sign: -1, length: text.slice(1) })),
    ),
    v.pipe(
      v.unknown(),
      v.transform((length) => ({ sign: 1, length })),
    ),
  ]),
  v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
    const parsed = v.safeParse(duration, value.length);
    if (parsed.success) return value.sign * parsed.output;
    for (const { message } of parsed.issues) addIssue({ message });
    return NEVER;
  }),
);

const clockChange = v.pipe(
  v.strictObject({ at: duration, clock: v.strictObject({ step: v.optional(step), speed: v.optional(speed) }) }),
  v.transform(({ at, clock }): ClockChange => ({ atMs: at, stepMs: clock.step ?? 0, speed: clock.speed })),
);

const fault = v.pipe(
  v.looseObject({ at: duration, until: v.optional(duration) }),
  v.transform(
    ({ at, until, ...rest }) =>
      // Checked in the next step.
      ({
        ...rest,
        fromHours: at / HOUR_MS,
        ...(until === undefined ? {} : { toHours: until / HOUR_MS }),
      }) as unknown as FaultPeriod,
  ),
  faultPeriod,
);

/** Two kinds of entry: told apart by what is in them, so that each is judged in its own words. */
const change = v.lazy(
  (input): v.GenericSchema<unknown, FaultPeriod | ClockChange> =>
    typeof input === "object" && input !== null && "clock" in input ? clockChange : fault,
);

const schema = v.pipe(
  v.strictObject({
    title: text,
    about: text,
    failedBy: v.optional(v.array(v.strictObject({ sdk: text, versions: text, source: text })), []),
    lasts: duration,
    via: v.optional(via),
    simulator: v.optional(
      v.strictObject({
        credentialLifetime: v.optional(duration),
        rotationInterval: v.optional(duration),
        seed: v.optional(v.pipe(v.number(), v.integer())),
        speed: v.optional(speed),
      }),
      {},
    ),
    timeline: v.optional(v.array(change), []),
    expect: v.pipe(v.array(expectation), v.minLength(1, "has no expectation: nothing could be wrong with it")),
  }),
  v.transform(({ lasts, simulator, timeline, ...rest }): Scenario => {
    const { credentialLifetime, rotationInterval, ...given } = simulator;
    return {
      ...rest,
      lastsMs: lasts,
      simulator: { ...given, credentialLifetimeMs: credentialLifetime, rotationIntervalMs: rotationInterval },
      faults: timeline.filter((entry): entry is FaultPeriod => "fault" in entry),
      clock: timeline.filter((entry): entry is ClockChange => "atMs" in entry).sort((a, b) => a.atMs - b.atMs),
    };
  }),
);

/**
 * @param text the YAML.
 * @param where what is being read, for errors: the name or the file of the scenario.
 * @throws InvalidInputError naming each thing that is wrong, with its line.
 */
export function parseScenario(text: string, where: string): Scenario {
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    throw new InvalidInputError(
      where,
      broken.map(({ message }) => ({ field: "YAML", message: message.split("\n", 1)[0] ?? "" })),
    );
  }
  const result = v.safeParse(schema, contentOf(document, where));
  if (result.success) return result.output;
  const lineOf = (path: readonly PropertyKey[]): number => {
    // What is missing has no line: that of what it is missing from.
    for (let depth = path.length; depth > 0; depth--) {
      const node = document.getIn(path.slice(0, depth), true) as { readonly range?: readonly number[] } | undefined;
      const start = node?.range?.[0];
      if (start !== undefined) return lines.linePos(start).line;
    }
    return 1;
  };
  throw new InvalidInputError(
    where,
    result.issues.map((issue) => problem(issue, lineOf)),
  );
}

function problem(issue: v.BaseIssue<unknown>, lineOf: (path: readonly PropertyKey[]) => number): Problem {
  const path = (issue.path ?? []).map(({ key }) => key as PropertyKey);
  const field = path
    .map((key, depth) => (typeof key === "number" ? `[${key}]` : `${depth > 0 ? "." : ""}${String(key)}`))
    .join("");
  return { field: `line ${lineOf(path)}: ${field === "" ? "the scenario" : field}`, message: messageOf(issue) };
}

function messageOf({ type, message, received, expected }: v.BaseIssue<unknown>): string {
  if (type === "strict_object" && expected === "never") return "is nothing a scenario knows";
  if (type === "strict_object" || type === "loose_object") {
    return received === "undefined" ? "is missing" : `is ${received}: expected ${expected}`;
  }
  return message;
}
