/**
 * Who may see the page: browsers on this host, on a page of ours.
 *
 * - The connection comes from loopback, wherever the server listens.
 * - `Host` is a name of loopback: another one was made to point here (DNS rebinding). Its port may be that of a tunnel.
 * - Nothing of a proxy is in it, and nothing of another site: neither its scripts nor its frames get an answer. A link to here may
 *   stand anywhere.
 */

import type { IncomingMessage } from "node:http";
import { LOOPBACK_HOSTS } from "@evertoken/core";

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const names = new Set(LOOPBACK_HOSTS);

/** Undefined for those who may. */
export function refusalOf({ method, headers, socket }: IncomingMessage): Refusal | undefined {
  if (method !== "GET" && method !== "HEAD") {
    return {
      status: 405,
      code: "METHOD_NOT_ALLOWED",
      message: `${method}: expected GET, for nothing can be changed here`,
    };
  }
  if (!isLoopback(socket.remoteAddress))
    return forbidden("this page is for this host alone: use a tunnel, like ssh -L");
  const { host = "", origin } = headers;
  if (!names.has(nameIn(host)))
    return forbidden(`the Host is ${JSON.stringify(host)}: ask by ${LOOPBACK_HOSTS.join(" or ")}`);
  if (["forwarded", "via", "x-real-ip", "x-forwarded-for"].some((name) => name in headers)) {
    return forbidden("a proxy has forwarded this");
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return forbidden("another site asks");
  const { "sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination } = headers;
  const isOurs = site === undefined || site === "same-origin" || site === "none";
  const isLink = mode === "navigate" && destination === "document";
  return isOurs || isLink ? undefined : forbidden("another site asks");
}

function forbidden(message: string): Refusal {
  return { status: 403, code: "FORBIDDEN", message };
}

function isLoopback(address = ""): boolean {
  return /^(?:::ffff:)?127\./i.test(address) || address === "::1";
}

function nameIn(host: string): string {
  return host.toLowerCase().replace(/:\d+$/, "");
}
