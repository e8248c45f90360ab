/**
 * Which requests are refused before anybody looks at what they ask for. A program on this host that speaks to the agent by
 * itself passes; what comes by way of a browser or a proxy, or plays tricks with the path, does not:
 *
 * - a `Host` that is not ours: a web page whose name was rebound to loopback;
 * - `Origin`, `Sec-Fetch-*`, `Referer`: a browser; no SDK sends them;
 * - `X-Forwarded-*`, `Forwarded`, `Via`, `X-Real-IP`: a proxy that was tricked into asking (IMDS refuses the first, too);
 * - absolute-form targets, bodies, queries, encoded characters (but those of role names), `//`, `.` and `..`.
 */

import type { IncomingMessage } from "node:http";
import { hostHeaders, LOOPBACK_HOSTS } from "@evertoken/core";

export type RefusalKind =
  | "host"
  | "browser"
  | "proxy"
  | "path"
  | "body"
  | "malformed"
  | "too-slow"
  | "too-large"
  | "token"
  | "rate"
  | "caller"
  | "connections";

export interface Refusal {
  readonly status: number;
  readonly kind: RefusalKind;
  /** For whoever sent the request, and for the log. Never holds what was sent. */
  readonly message: string;
}

/** The longest path there is: that of a role whose name has 64 characters, each encoded. */
const MAX_PATH = 512;

/** Role names may hold `+ = , @`, which clients may encode: the only encoded characters that mean anything here. */
const PATH = /^(?:\/(?:[\w.~+=,@-]|%(?:2B|3D|2C|40))*)+$/i;

const BROWSER = refusal(403, "browser", "requests of web browsers are refused (Origin, Referer or Sec-* header)");
const PROXY = refusal(
  403,
  "proxy",
  "forwarded requests are refused (X-Forwarded-*, Forwarded, Via or X-Real-IP header)",
);
const HOST = refusal(403, "host", "the Host header names none of the hosts that are allowed (allowedHosts)");
const TWO_HOSTS = refusal(400, "host", "more than one Host header");
const TARGET = refusal(400, "path", "expected a plain path: no query, no encoded characters, no //, . or ..");
const BODY = refusal(413, "body", "a body is not expected");

/** @param hosts in lower case, with their ports. */
export function refusalOf({ url = "", rawHeaders }: IncomingMessage, hosts: ReadonlySet<string>): Refusal | undefined {
  let host: string | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] as string).toLowerCase();
    const value = rawHeaders[index + 1] as string;
    switch (name) {
      case "host":
        if (host !== undefined) return TWO_HOSTS;
        host = value.toLowerCase();
        break;
      case "origin":
      case "referer":
        return BROWSER;
      case "forwarded":
      case "via":
      case "x-real-ip":
        return PROXY;
      case "content-length":
        if (value.trim() !== "0") return BODY;
        break;
      case "transfer-encoding":
        return BODY;
      default:
        if (name.startsWith("sec-")) return BROWSER;
        if (name.startsWith("x-forwarded")) return PROXY;
    }
  }
  if (host === undefined || !hosts.has(host)) return HOST;
  return isPlain(url) ? undefined : TARGET;
}

function isPlain(path: string): boolean {
  if (path.length > MAX_PATH || !PATH.test(path)) return false;
  return !path.includes("//") && !/\/\.{1,2}(?:\/|$)/.test(path);
}

function refusal(status: number, kind: RefusalKind, message: string): Refusal {
  return Object.freeze({ status, kind, message });
}

/** By which names SDKs and people reach the agent: loopback, and the addresses that SDKs have built in. */
const KNOWN_HOSTS = [
  ...LOOPBACK_HOSTS,
  "169.254.169.254",
  "[fd00:ec2::254]",
  "169.254.170.2",
  "169.254.170.23",
  "[fd00:ec2::23]",
];

/** @param ports on which the agent listens; with 80 in them, hosts may come without a port. */
export function allowedHosts(ports: readonly number[], others: readonly string[]): ReadonlySet<string> {
  return hostHeaders([...KNOWN_HOSTS, ...others], ports);
}
