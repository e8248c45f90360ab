/** How all answers go out: with the headers that keep a browser from doing anything with them but show them. */

import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** Nothing from elsewhere, nothing inline, no text that becomes markup, nobody frames it. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

export const GUARDED: OutgoingHttpHeaders = Object.freeze({
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
});

export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | Buffer;
}

/** To a HEAD Node.js leaves the body out by itself. */
export function send(response: ServerResponse, { status, headers, body }: Answer): void {
  response.writeHead(status, { ...GUARDED, "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}

export function json(value: unknown, status = 200, headers: OutgoingHttpHeaders = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store", ...headers },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** In the shape of Prometheus's own errors, so that whoever reads one can read the other. */
export function problem(status: number, code: string, message: string, headers: OutgoingHttpHeaders = {}): Answer {
  return json({ status: "error", errorType: code, error: message }, status, headers);
}
