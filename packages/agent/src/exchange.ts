/** One request that has passed the gate, and the ways to answer it. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Caller } from "./callers.js";
import type { Refusal } from "./guard.js";

/** What listens: told in the log, and counted. */
export type Via = "container" | "imds" | "socket" | "admin";

export interface Exchange {
  readonly via: Via;
  readonly method: string;
  readonly path: string;
  readonly request: IncomingMessage;
  /** Who asks, as far as it is looked up. */
  readonly caller: Caller;
  answer(status: number, contentType: string, body: string, ...headers: string[]): void;
  /** Says no, writes it down and, for what no honest client does, ends the connection. */
  refuse(refusal: Refusal, ...headers: string[]): void;
}

export type Handler = (exchange: Exchange) => void;

export const JSON_TYPE = "application/json";
export const TEXT_TYPE = "text/plain; charset=utf-8";

/** `{ "code": …, "message": … }`, the shape in which ECS and EKS answer errors. */
export function errorBody(code: string, message: string): string {
  return `${JSON.stringify({ code, message })}\n`;
}

/** Writes head and body in one go, `Date` from `now`. */
export function send(
  response: ServerResponse,
  now: number,
  { status, contentType, body, headers }: { status: number; contentType: string; body: string; headers: string[] },
): void {
  response.sendDate = false;
  response.writeHead(status, [
    "Date",
    httpDate(now),
    "Content-Type",
    contentType,
    "Content-Length",
    String(Buffer.byteLength(body)),
    "Cache-Control",
    "no-store",
    ...headers,
  ]);
  response.end(body);
}

let dateSecond = Number.NaN;
let dateText = "";

/** The same text for all answers of one second. */
function httpDate(now: number): string {
  const second = Math.floor(now / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(now).toUTCString();
  }
  return dateText;
}
