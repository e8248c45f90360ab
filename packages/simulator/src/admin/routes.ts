/** What the admin API can be asked: one entry for each method and path. Instants are epoch milliseconds by the simulator's clock. */

import { type Clock, check, InvalidInputError, type Schema, VirtualClock } from "@evertoken/core";
import * as v from "valibot";
import type { ActiveFault } from "../faults/board.js";
import type { FaultOptions } from "../faults/fault.js";
import { FAULTS, type FaultName } from "../faults/table.js";
import type { Story } from "../journal/why.js";
import type { Journal } from "../journal.js";

/** The role of the instance. */
interface RoleControl {
  readonly roleName: string | undefined;
  attachRole(roleName: string): void;
  detachRole(): void;
}

/** What is steered. */
export interface AdminTarget {
  readonly clock: Clock;
  readonly journal: Journal;
  readonly role: RoleControl;
  fault(name: FaultName, options: FaultOptions): ActiveFault;
  activeFaults(): readonly ActiveFault[];
  why(requestId: string): Story | undefined;
  /** Addresses, by name. */
  urls(): Readonly<Record<string, string | undefined>>;
}

export interface Reply {
  /** Default 200. */
  readonly status?: number;
  readonly json: unknown;
}

interface Asking {
  /** The last part of the path, where it varies. */
  readonly parameter: string;
  readonly query: URLSearchParams;
  readonly body: object;
}

interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: RegExp;
  /** The path, for people. */
  readonly shown: string;
  readonly reply: (target: AdminTarget, asking: Asking) => Reply | Promise<Reply>;
}

const amount = (most: number, what: string) => {
  const message = (issue: { input: unknown }) => `is ${String(issue.input)}: expected ${what}`;
  return v.pipe(v.number(message), v.minValue(0, message), v.maxValue(most, message));
};

/** Ten years: what nobody means is a slip of units. */
const MOST_MS = 10 * 365 * 24 * 3_600_000;

const advance = v.strictObject({ ms: amount(MOST_MS, "milliseconds from 0 to ten years") });
const step = v.strictObject({
  ms: v.pipe(v.number("must be milliseconds"), v.minValue(-MOST_MS), v.maxValue(MOST_MS)),
});
const speed = v.strictObject({ speed: amount(100_000, "simulated seconds per real one, 0 to 100000") });
const attach = v.strictObject({ roleName: v.string("must be the name of a role") });

const MOST_ENTRIES = 1000;

const page = v.strictObject({
  after: v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, "must be the number of an entry")), "0"),
  limit: v.optional(v.pipe(v.string(), v.regex(/^[1-9]\d{0,3}$/, "must be a number from 1 to 9999")), "100"),
  client: v.optional(v.string()),
  service: v.optional(v.string()),
  operation: v.optional(v.string()),
});

export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    shown: "/",
    path: /^\/$/,
    reply: (target) => ({
      json: {
        ...target.urls(),
        clock: reading(target.clock),
        faults: target.activeFaults().map(shown),
        role: roleOf(target),
      },
    }),
  },
  { method: "GET", shown: "/health", path: /^\/health$/, reply: () => ({ json: { status: "ok" } }) },
  {
    method: "GET",
    shown: "/faults",
    path: /^\/faults$/,
    reply: (target) => ({ json: { active: target.activeFaults().map(shown), known: KNOWN } }),
  },
  {
    method: "POST",
    shown: "/faults",
    path: /^\/faults$/,
    reply(target, { body }) {
      const { fault, ...options } = body as { fault: FaultName };
      return { status: 201, json: shown(target.fault(fault, options)) };
    },
  },
  {
    method: "DELETE",
    shown: "/faults",
    path: /^\/faults$/,
    reply(target) {
      const ended = target.activeFaults();
      for (const fault of ended) fault.end();
      return { json: { ended: ended.map(shown) } };
    },
  },
  {
    method: "DELETE",
    shown: "/faults/ID",
    path: /^\/faults\/([^/]+)$/,
    reply(target, { parameter }) {
      const fault = target.activeFaults().find(({ id, name }) => String(id) === parameter || name === parameter);
      if (fault === undefined) return missing(`no active fault has the id or name ${parameter}`);
      fault.end();
      return { json: { ended: [shown(fault)] } };
    },
  },
  { method: "GET", shown: "/clock", path: /^\/clock$/, reply: ({ clock }) => ({ json: reading(clock) }) },
  moving("/clock/advance", advance, (clock, { ms }) => clock.advance(ms)),
  moving("/clock/step", step, (clock, { ms }) => clock.step(ms)),
  moving("/clock/speed", speed, (clock, { speed }) => clock.setSpeed(speed)),
  {
    method: "GET",
    shown: "/journal",
    path: /^\/journal$/,
    reply({ journal }, { query }) {
      const { after, limit, ...wanted } = check(page, Object.fromEntries(query), "query");
      const most = Math.min(Number(limit), MOST_ENTRIES);
      const found = journal.entries(
        (entry) =>
          entry.number > Number(after) &&
          Object.entries(wanted).every(([field, value]) => entry[field as keyof typeof wanted] === value),
      );
      return { json: { entries: found.slice(0, most), more: found.length > most } };
    },
  },
  {
    method: "GET",
    shown: "/journal/events",
    path: /^\/journal\/events$/,
    reply: ({ journal }) => ({ json: { events: journal.events() } }),
  },
  {
    method: "GET",
    shown: "/why/REQUEST_ID",
    path: /^\/why\/([^/]+)$/,
    reply(target, { parameter }) {
      const story = target.why(parameter);
      return story === undefined ? missing(`no request ${parameter} is in the journal (any more)`) : { json: story };
    },
  },
  { method: "GET", shown: "/role", path: /^\/role$/, reply: (target) => ({ json: roleOf(target) }) },
  {
    method: "PUT",
    shown: "/role",
    path: /^\/role$/,
    reply(target, { body }) {
      target.role.attachRole(check(attach, body, "request").roleName);
      return { json: roleOf(target) };
    },
  },
  {
    method: "DELETE",
    shown: "/role",
    path: /^\/role$/,
    reply(target) {
      target.role.detachRole();
      return { json: roleOf(target) };
    },
  },
];

/** A route that moves the clock, and tells where it is then. */
function moving<T>(
  shown: string,
  schema: Schema<T>,
  move: (clock: VirtualClock, how: T) => void | Promise<void>,
): Route {
  return {
    method: "POST",
    shown,
    path: new RegExp(`^${shown}$`),
    async reply({ clock }, { body }) {
      const how = check(schema, body, "request");
      if (!(clock instanceof VirtualClock)) {
        const message = "is the host's own, which nobody moves: start the simulator without it";
        throw new InvalidInputError("request", [{ field: "clock", message }]);
      }
      await move(clock, how);
      return { json: reading(clock) };
    },
  };
}

const KNOWN = Object.entries(FAULTS).map(([name, { does, kind, services, options = [] }]) => ({
  name,
  does,
  kind,
  options: [...options, ...(services === undefined ? [] : ["count", "where"])],
}));

function shown({ id, name, options, startedAt, strikes }: ActiveFault) {
  return { id, fault: name, ...options, startedAt, strikes };
}

/** Enough for a client in another process to show the same time: `line` is what `VirtualClock.following` takes, on this host. */
function reading(clock: Clock) {
  const now = clock.now();
  const line = clock instanceof VirtualClock ? { line: clock.reading() } : {};
  const speed = clock instanceof VirtualClock ? clock.speed : 1;
  return { epochMs: now, instant: new Date(now).toISOString(), speed, ...line };
}

function roleOf({ role }: AdminTarget) {
  return { roleName: role.roleName ?? null };
}

function missing(message: string): Reply {
  return { status: 404, json: { error: { code: "NOT_FOUND", message } } };
}
