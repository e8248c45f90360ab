/**
 * What a scenario expects in the end, judged from the requests as they are recorded, so that nothing depends on how many
 * of them the journal keeps.
 */

import * as v from "valibot";
import type { JournalEntry } from "../journal.js";
import { SERVICES } from "../services.js";
import { duration, durationMs, written } from "./durations.js";

/** Takes the requests of one run, each once, and says in the end what is wrong. */
interface Judge {
  take(entry: JournalEntry, sinceStartMs: number): void;
  /** Undefined: it is as expected, up to now. */
  verdict(sinceStartMs: number): string | undefined;
}

export interface Expectation {
  /** As it was written. */
  readonly text: string;
  readonly judge: () => Judge;
}

interface Sentence {
  readonly form: RegExp;
  readonly example: string;
  readonly judge: (...parts: string[]) => Judge;
}

const DURATION = "((?:\\d+(?:\\.\\d+)?(?:ms|s|min|h|d))+)";

const SENTENCES: readonly Sentence[] = [
  { form: /^no client saw (\w+)$/, example: "no client saw ExpiredToken", judge: (code) => seen(code, 0) },
  {
    form: new RegExp(`^no client saw (\\w+) for longer than ${DURATION}$`),
    example: "no client saw ExpiredToken for longer than 1min",
    judge: (code, text) => streak(code, durationMs(text)),
  },
  { form: /^some client saw (\w+)$/, example: "some client saw ExpiredToken", judge: (code) => met(code) },
  {
    form: new RegExp(`^every client was served after ${DURATION}$`),
    example: "every client was served after 9h",
    judge: (text) => served(durationMs(text)),
  },
  {
    form: new RegExp(`^every client was served at least every ${DURATION}$`),
    example: "every client was served at least every 15min",
    judge: (text) => steadily(durationMs(text)),
  },
];

const requests = v.strictObject({
  service: v.optional(v.picklist(SERVICES, (issue) => `is ${issue.received}: expected one of ${SERVICES.join(", ")}`)),
  operation: v.optional(v.string("must be text")),
  client: v.optional(v.string("must be text")),
  status: v.optional(v.number("must be a number")),
  decision: v.optional(v.string("must be the beginning of a decision in the journal")),
  from: v.optional(duration, 0),
  to: v.optional(duration),
});

const bound = v.optional(v.pipe(v.number("must be a number"), v.integer("must be a whole number"), v.minValue(0)));

const counted = v.pipe(
  v.strictObject({ requests, atLeast: bound, atMost: bound }),
  v.check(
    ({ atLeast, atMost }) => atLeast !== undefined || atMost !== undefined,
    "has no bound: expected atLeast, atMost or both",
  ),
  v.transform((count): Expectation => ({ text: inWords(count), judge: () => counting(count) })),
);

const sentence = v.pipe(
  v.string(),
  v.rawTransform(({ dataset: { value: text }, addIssue, NEVER }): Expectation => {
    for (const { form, judge } of SENTENCES) {
      const parts = form.exec(text)?.slice(1);
      if (parts !== undefined) return { text, judge: () => judge(...parts) };
    }
    const examples = SENTENCES.map(({ example }) => `"${example}"`).join(", ");
    addIssue({
      message: `is ${JSON.stringify(text)}: expected a sentence such as ${examples}, or { requests, atLeast, atMost }`,
    });
    return NEVER;
  }),
);

export const expectation = v.lazy((input) => (typeof input === "string" ? sentence : counted));

function saw({ decision }: JournalEntry, code: string | undefined): boolean {
  return decision === code || decision.startsWith(`${code}:`);
}

function named({ client, operation, requestId }: JournalEntry, sinceStartMs: number): string {
  return `${client}'s ${operation} at ${written(sinceStartMs)}${requestId === undefined ? "" : ` (${requestId})`}`;
}

function seen(code: string | undefined, most: number): Judge {
  let count = 0;
  let first = "";
  return {
    take(entry, sinceStartMs) {
      if (!saw(entry, code)) return;
      if (count === 0) first = named(entry, sinceStartMs);
      count += 1;
    },
    verdict: () => (count > most ? `${count} requests were answered so, the first of them ${first}` : undefined),
  };
}

function met(code: string | undefined): Judge {
  let isMet = false;
  return {
    take(entry) {
      isMet ||= saw(entry, code);
    },
    verdict: () => (isMet ? undefined : "none did"),
  };
}

/** The longest time in which a client was answered so and got nothing else of that service. */
function streak(code: string | undefined, mostMs: number): Judge {
  const since = new Map<string, number>();
  let longest = { ms: -1, what: "" };
  return {
    take(entry, sinceStartMs) {
      const key = `${entry.service}/${entry.client}`;
      if (!saw(entry, code)) {
        if (entry.status > 0 && entry.status < 400) since.delete(key);
        return;
      }
      const from = since.get(key) ?? sinceStartMs;
      since.set(key, from);
      if (sinceStartMs - from > longest.ms) longest = { ms: sinceStartMs - from, what: named(entry, sinceStartMs) };
    },
    verdict: () => (longest.ms > mostMs ? `it lasted ${written(longest.ms)}, up to ${longest.what}` : undefined),
  };
}

/** Each client that asked S3 at all got a good answer later than that. */
function served(afterMs: number): Judge {
  const lastGood = new Map<string, number>();
  return {
    take({ service, client, status }, sinceStartMs) {
      if (service !== "s3") return;
      const isGood = status >= 200 && status < 400;
      lastGood.set(client, isGood ? sinceStartMs : (lastGood.get(client) ?? Number.NEGATIVE_INFINITY));
    },
    verdict() {
      if (lastGood.size === 0) return "no client asked S3";
      const left = [...lastGood].filter(([, at]) => at <= afterMs).map(([client, at]) => `${client} ${lastly(at)}`);
      return left.length === 0 ? undefined : left.join(", ");
    },
  };
}

/** For clients that ask all the time: what keeps them from asking (no credentials, say) is seen as a gap. */
function steadily(mostMs: number): Judge {
  const lastGood = new Map<string, number>();
  let longest = { ms: 0, what: "" };
  const note = (client: string, from: number, to: number) => {
    if (to - from <= longest.ms) return;
    longest = { ms: to - from, what: `${client} from ${written(from)} to ${written(to)}` };
  };
  return {
    take({ service, client, status }, sinceStartMs) {
      if (service !== "s3" || status < 200 || status >= 400) return;
      note(client, lastGood.get(client) ?? 0, sinceStartMs);
      lastGood.set(client, sinceStartMs);
    },
    verdict(sinceStartMs) {
      if (lastGood.size === 0) return "no client was served";
      for (const [client, at] of lastGood) note(client, at, sinceStartMs);
      return longest.ms > mostMs ? `none of its requests was, for ${written(longest.ms)}: ${longest.what}` : undefined;
    },
  };
}

function lastly(at: number): string {
  return Number.isFinite(at) ? `was served last at ${written(at)}` : "was never served";
}

interface Counted {
  readonly requests: v.InferOutput<typeof requests>;
  readonly atLeast?: number | undefined;
  readonly atMost?: number | undefined;
}

/** `at most 0 requests: service imds, decision session token missing` */
function inWords({ requests: { from, to, ...wanted }, atLeast, atMost }: Counted): string {
  const bounds = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ];
  const which = [
    ...Object.entries(wanted).flatMap(([field, value]) => (value === undefined ? [] : [`${field} ${value}`])),
    ...(from > 0 ? [`from ${written(from)}`] : []),
    ...(to === undefined ? [] : [`to ${written(to)}`]),
  ];
  return `${bounds.join(" and ")} requests: ${which.length === 0 ? "any" : which.join(", ")}`;
}

function counting({
  requests: { from, to = Number.POSITIVE_INFINITY, decision = "", ...wanted },
  atLeast = 0,
  atMost = Number.POSITIVE_INFINITY,
}: Counted): Judge {
  let count = 0;
  return {
    take(entry, sinceStartMs) {
      if (sinceStartMs < from || sinceStartMs > to || !entry.decision.startsWith(decision)) return;
      const isWanted = Object.entries(wanted).every(
        ([field, value]) => value === undefined || entry[field as keyof typeof wanted] === value,
      );
      if (isWanted) count += 1;
    },
    verdict: () => (count < atLeast || count > atMost ? `there were ${count}` : undefined),
  };
}
