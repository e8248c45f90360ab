/** What an agent can be told, in code or by its configuration file; checked once, all of it. */

import { type Clock, check, InvalidInputError, type Random, systemClock, systemRandom } from "@evertoken/core";
import type { CredentialSource } from "@evertoken/credentials";
import type { ImdsClient } from "@evertoken/imds";
import type { DestinationStream } from "pino";
import * as v from "valibot";
import { defaultDirectory } from "./agent-file.js";
import type { GateRules } from "./gate.js";
import type { MakePage } from "./watched.js";

/** What may stand in the configuration file. */
export interface AgentConfig {
  /** The address to listen on. Anything but loopback needs `exposed: true`. Default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Listen where other machines or containers can reach it. Default false. */
  readonly exposed?: boolean | undefined;
  /** Port of the container-credentials endpoint; 0: any free one. Default 9820. */
  readonly port?: number | undefined;
  /** Port of the IMDSv2 endpoint; 0: any free one. Default: none, since that protocol knows no authorization. */
  readonly imdsPort?: number | undefined;
  /** Port of health, readiness, metrics and status; 0: any free one. Default 9822. */
  readonly adminPort?: number | undefined;
  /** The address of that port. Anything but loopback needs `exposed: true`. Default `127.0.0.1`, whatever `host` is. */
  readonly adminHost?: string | undefined;
  /** Path of a Unix socket that speaks the container protocol too. Default: none. */
  readonly socket?: string | undefined;
  /**
   * Where the agent keeps its own files: authorization tokens, the key of session tokens, where it listens.
   * Default `$RUNTIME_DIRECTORY` (systemd), `/run/evertoken` for root, `$XDG_RUNTIME_DIR/evertoken` otherwise.
   */
  readonly directory?: string | undefined;
  /** `0600`, or `0640` so that the clients of the agent's group can read the authorization tokens. Default `0600`. */
  readonly tokenFileMode?: "0600" | "0640" | undefined;
  /** Keep the authorization tokens over a restart, for clients that read theirs once. Default false. */
  readonly keepTokens?: boolean | undefined;
  /** Hosts that requests may name beside loopback and the link-local addresses of AWS. Default: none. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Who may ask, and how much of a caller is looked up. Default: all; the user is looked up. */
  readonly callers?:
    | {
        readonly identify?: "none" | "uid" | "executable" | undefined;
        readonly uids?: readonly number[] | undefined;
        readonly executables?: readonly string[] | undefined;
      }
    | undefined;
  /** Categories of IMDS that are passed on, as paths; a `*` at the end allows what begins like it. */
  readonly metadata?: readonly string[] | undefined;
  /** Further roles by name, each with an ARN to assume. */
  readonly assumeRoles?: Readonly<Record<string, string>> | undefined;
  /** Where credentials are kept over a restart, and the file whose content is the key to them. Default: nowhere. */
  readonly state?: { readonly file: string; readonly keyFile: string } | undefined;
  /** `/readyz` says no with less of valid credentials left, in seconds. Default 900. */
  readonly readySeconds?: number | undefined;
  /** How long what is under way may take when the agent ends, in milliseconds. Default 5000. */
  readonly drainMs?: number | undefined;
  readonly limits?:
    | {
        /** Connections of each endpoint. Default 1024. */
        readonly connections?: number | undefined;
        /** Of one request, in bytes. Default 8192. */
        readonly headerBytes?: number | undefined;
        /** How long a request may take to arrive, in milliseconds. Default 5000. */
        readonly requestMs?: number | undefined;
        /** How long a connection may be idle, in milliseconds. Default 60,000. */
        readonly idleMs?: number | undefined;
        /** Requests a minute that must be asked of IMDS, for each client. Default 120. */
        readonly missesPerMinute?: number | undefined;
        /** Wrong authorization tokens a minute, for each client. Default 30. */
        readonly wrongTokensPerMinute?: number | undefined;
      }
    | undefined;
  /** `debug`, `info`, `warn`, `error` or `silent`. Default `info`. */
  readonly logLevel?: "debug" | "info" | "warn" | "error" | "silent" | undefined;
  /** The user to become once the ports are open, by name or number. Default: nobody else. */
  readonly user?: string | undefined;
}

export interface AgentOptions extends AgentConfig {
  /** Where the credentials come from. Default: AWS's order. One handed in stays open. */
  readonly source?: CredentialSource | undefined;
  /** What other categories are read from. Default: one of its own. One handed in stays open. */
  readonly imds?: ImdsClient | undefined;
  /** Makes the page that the admin port shows to browsers of what is recorded for it. Default: there is none, and no record. */
  readonly page?: MakePage | undefined;
  /** Where log lines go. Default: standard output. */
  readonly logTo?: DestinationStream | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: Random | undefined;
}

interface Limits {
  readonly connections: number;
  readonly headerBytes: number;
  readonly requestMs: number;
  readonly idleMs: number;
  readonly missesPerMinute: number;
  readonly wrongTokensPerMinute: number;
}

export interface AgentSettings {
  readonly host: string;
  readonly port: number;
  readonly imdsPort: number | undefined;
  readonly adminPort: number;
  readonly adminHost: string;
  readonly socket: string | undefined;
  readonly directory: string;
  readonly tokenFileMode: number;
  readonly keepTokens: boolean;
  readonly allowedHosts: readonly string[];
  readonly callers: GateRules["callers"];
  readonly metadata: readonly string[];
  readonly assumeRoles: Readonly<Record<string, string>>;
  readonly state: { readonly file: string; readonly keyFile: string } | undefined;
  readonly readySeconds: number;
  readonly drainMs: number;
  readonly limits: Limits;
  readonly logLevel: string;
  readonly user: string | undefined;
  readonly source: CredentialSource | undefined;
  readonly imds: ImdsClient | undefined;
  readonly page: MakePage | undefined;
  readonly logTo: DestinationStream | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

/** What programs on a host ask for beside credentials, none of it secret. */
const METADATA = [
  "/latest/meta-data/ami-id",
  "/latest/meta-data/hostname",
  "/latest/meta-data/instance-id",
  "/latest/meta-data/instance-type",
  "/latest/meta-data/local-hostname",
  "/latest/meta-data/local-ipv4",
  "/latest/meta-data/mac",
  "/latest/meta-data/placement/*",
  "/latest/meta-data/services/*",
  "/latest/dynamic/instance-identity/document",
];

const shown = (input: unknown) => JSON.stringify(input) ?? String(input);

function whole(least: number, most: number) {
  const message = (issue: { input: unknown }) =>
    `is ${shown(issue.input)}: expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

function text(what: string, pattern: RegExp) {
  const message = (issue: { input: unknown }) => `is ${shown(issue.input)}: expected ${what}`;
  return v.pipe(v.string(message), v.regex(pattern, message));
}

/** Of an object: what is no field of it, what is missing, or what is none at all. */
function wrongFields({ expected, received, input }: { expected: string | null; received: string; input: unknown }) {
  if (expected === "never") return "is not a setting: check how it is written";
  return received === "undefined" ? "is missing" : `is ${shown(input)}: expected fields of its own`;
}

const flag = (byDefault: boolean) => v.optional(v.boolean("must be true or false"), byDefault);
const port = whole(0, 65_535);
const address = text("an IP address or localhost", /^[\w.:-]+$/);
const path = text("an absolute path", /^\/./);

const configEntries = {
  host: v.optional(address, "127.0.0.1"),
  exposed: flag(false),
  port: v.optional(port, 9820),
  imdsPort: v.optional(port),
  adminPort: v.optional(port, 9822),
  adminHost: v.optional(address, "127.0.0.1"),
  socket: v.optional(path),
  directory: v.optional(path),
  tokenFileMode: v.optional(v.picklist(["0600", "0640"], 'must be "0600" or "0640", in quotes'), "0600"),
  keepTokens: flag(false),
  allowedHosts: v.optional(v.array(text("a host name or address, without a port", /^[\w.[\]:-]+$/)), []),
  callers: v.optional(
    v.strictObject(
      {
        identify: v.optional(v.picklist(["none", "uid", "executable"], "must be none, uid or executable")),
        uids: v.optional(v.array(whole(0, 2 ** 32 - 1)), []),
        executables: v.optional(v.array(path), []),
      },
      wrongFields,
    ),
    {},
  ),
  metadata: v.optional(
    v.array(text("a path such as /latest/meta-data/placement/*", /^\/latest\/[\w./-]+\*?$/)),
    METADATA,
  ),
  assumeRoles: v.optional(
    v.record(
      text("a name of A-Z a-z 0-9 . _ -", /^[\w-][\w.-]{0,63}$/),
      text("arn:aws:iam::<account>:role/<name>", /^arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]+$/),
    ),
    {},
  ),
  state: v.optional(v.strictObject({ file: path, keyFile: path }, wrongFields)),
  readySeconds: v.optional(whole(0, 43_200), 900),
  drainMs: v.optional(whole(0, 600_000), 5000),
  limits: v.optional(
    v.strictObject(
      {
        connections: v.optional(whole(1, 100_000), 1024),
        headerBytes: v.optional(whole(1024, 65_536), 8192),
        requestMs: v.optional(whole(100, 60_000), 5000),
        idleMs: v.optional(whole(1000, 3_600_000), 60_000),
        missesPerMinute: v.optional(whole(1, 100_000), 120),
        wrongTokensPerMinute: v.optional(whole(1, 100_000), 30),
      },
      wrongFields,
    ),
    {},
  ),
  logLevel: v.optional(
    v.picklist(["debug", "info", "warn", "error", "silent"], "must be debug, info, warn, error or silent"),
    "info",
  ),
  user: v.optional(text("the name or number of a user", /^[\w.-]+$/)),
};

const isObject = (value: unknown) => typeof value === "object" && value !== null;

const schema = v.strictObject(
  {
    ...configEntries,
    source: v.optional(
      v.custom<CredentialSource>(
        (value) => isObject(value) && "load" in (value as object),
        "must be a credential source",
      ),
    ),
    imds: v.optional(v.custom<ImdsClient>(isObject, "must be an IMDS client")),
    page: v.optional(v.custom<MakePage>((value) => typeof value === "function", "must be a function")),
    logTo: v.optional(v.custom<DestinationStream>(isObject, "must be a stream with a write method")),
    clock: v.optional(v.custom<Clock>(isObject, "must be a Clock")),
    random: v.optional(v.custom<Random>((value) => typeof value === "function", "must be a function")),
  },
  wrongFields,
);

/** @throws InvalidInputError naming each option that is wrong. */
export function agentSettings(options: AgentOptions, where = "agent options"): AgentSettings {
  const given = check(schema, options, where);
  const { exposed, callers, socket } = given;
  const wrong = (field: string, message: string) => new InvalidInputError(where, [{ field, message }]);
  for (const field of ["host", "adminHost"] as const) {
    if (exposed || isLoopback(given[field])) continue;
    const expected = "expected a loopback address, or exposed: true with it";
    throw wrong(field, `is ${shown(given[field])}, which others can reach: ${expected}`);
  }
  const byExecutable = callers.executables.length > 0;
  const restricted = haveRules(callers);
  assertPeersAreTold(callers, socket !== undefined, where);
  const least = byExecutable ? "executable" : restricted ? "uid" : undefined;
  const { identify = least ?? "uid" } = callers;
  if ((restricted && identify === "none") || (byExecutable && identify !== "executable")) {
    throw wrong("callers.identify", `is ${identify}: expected ${least}, or callers cannot be told apart`);
  }
  return Object.freeze({
    ...given,
    imdsPort: given.imdsPort,
    socket,
    directory: given.directory ?? defaultDirectory(),
    tokenFileMode: Number.parseInt(given.tokenFileMode, 8),
    callers: { ...callers, identify },
    state: given.state,
    user: given.user,
    source: given.source,
    imds: given.imds,
    page: given.page,
    logTo: given.logTo,
    clock: given.clock ?? systemClock,
    random: given.random ?? systemRandom,
  });
}

type CallerRules = Pick<AgentSettings["callers"], "uids" | "executables">;

function haveRules({ uids, executables }: CallerRules): boolean {
  return uids.length > 0 || executables.length > 0;
}

/**
 * The kernel tells the peer of a Unix socket by SO_PEERCRED and by netlink, neither of which Node.js has; `/proc/net/unix` does not tell
 * it. A rule would refuse everybody there.
 * @throws InvalidInputError when callers have rules and may come by a Unix socket.
 */
export function assertPeersAreTold(callers: CallerRules, isUnixSocket: boolean, where: string): void {
  if (!isUnixSocket || !haveRules(callers)) return;
  const why = "Node.js cannot tell who is at the other end of a Unix socket";
  const message = `has rules, and the agent listens on a Unix socket, but ${why}: expected one of the two`;
  throw new InvalidInputError(where, [{ field: "callers", message }]);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Those that `reload` applies; the others need a restart. */
const RELOADABLE = ["allowedHosts", "callers", "metadata", "readySeconds", "drainMs"] as const;

/** The names of settings that differ, and that a running agent cannot change. */
export function needRestart(before: AgentSettings, after: AgentSettings): string[] {
  const names = Object.keys(configEntries) as (keyof AgentSettings)[];
  return names
    .filter((name) => !(RELOADABLE as readonly string[]).includes(name))
    .filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
}
