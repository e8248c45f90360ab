/** Faults of the wire: what can happen to any service, because they are all HTTP. Each service has all of them, under its name. */

import type { Random } from "@evertoken/core";
import { taskError } from "../container/service.js";
import { type Answer, withBody } from "../gate/answer.js";
import { SERVICE_NAMES, SERVICES, type Service } from "../services.js";
import { errorDocument } from "../sts/errors.js";
import type { Fault } from "./fault.js";
import { s3Refusal } from "./s3-refusal.js";

type WireFault = (service: Service, name: string) => Omit<Fault, "services" | "kind"> & { readonly ofPorts?: true };

const DEFAULT_SLOW_MS = 900;

const WIRE = {
  down: (_, name) => ({
    does: `${name} cuts every connection without an answer.`,
    act: () => ({ instead: () => ({ connection: "cut" }) }),
  }),
  refused: (service, name) => ({
    does: `The ports of ${name} refuse connections, and those that exist are closed.`,
    ofPorts: true,
    act: (_, { world }) => ({
      began: () => world.setAccepting(service, false),
      ended: () => world.setAccepting(service, true),
    }),
  }),
  "black-hole": (_, name) => ({
    does: `${name} takes requests and never answers.`,
    act: () => ({ instead: () => ({ connection: "silence" }) }),
  }),
  reset: (_, name) => ({
    does: `${name} resets the connection of each request.`,
    act: () => ({ instead: () => ({ connection: "reset" }) }),
  }),
  slow: (_, name) => ({
    does: `${name} takes \`delayMs\` (default ${DEFAULT_SLOW_MS}) of real time for each answer.`,
    options: ["delayMs"],
    act: ({ delayMs = DEFAULT_SLOW_MS }) => ({ delay: () => delayMs }),
  }),
  "slow-at-times": (_, name) => ({
    does: `${name} takes a while that varies: half of the answers up to \`delayMs\` (default 50), one in a hundred more than \`p99Ms\` (default 1500).`,
    options: ["delayMs", "p99Ms"],
    act: ({ delayMs = 50, p99Ms = 1500 }, { random }) => ({ delay: () => logNormal(delayMs, p99Ms, random) }),
  }),
  "body-late": (_, name) => ({
    does: `${name} sends the head of each answer at once and the body \`delayMs\` (default ${DEFAULT_SLOW_MS}) later.`,
    options: ["delayMs"],
    act: ({ delayMs = DEFAULT_SLOW_MS }) => ({ delivery: { bodyAfterMs: delayMs } }),
  }),
  drip: (_, name) => ({
    does: `${name} sends the body of each answer with \`bytesPerSecond\` (default 100).`,
    options: ["bytesPerSecond"],
    act: ({ bytesPerSecond = 100 }) => ({ delivery: { bytesPerSecond } }),
  }),
  error: (service, name) => ({
    does: `${name} answers everything with \`status\` (default 500), and \`retryAfterSeconds\` if that is given.`,
    options: ["status", "retryAfterSeconds"],
    act: ({ status = 500, retryAfterSeconds }) => ({
      instead: () => ({ answer: failure(service, status, retryAfterSeconds) }),
    }),
  }),
  empty: (_, name) => ({
    does: `${name} answers 200 with nothing in it.`,
    act: () => ({ instead: () => ({ answer: { ...OK, headers: { "content-length": "0" } } }) }),
  }),
  truncated: (_, name) => ({
    does: `${name} sends half of the body of each answer and cuts the connection.`,
    act: () => ({ delivery: { cutAt: 0.5 } }),
  }),
  html: (_, name) => ({
    does: `A proxy answers for ${name}: 200, and a page for people.`,
    act: () => ({ instead: () => ({ answer: withBody(OK, PROXY_PAGE, "text/html") }) }),
  }),
} as const satisfies Record<string, WireFault>;

type WireFaultName = `${Service}-${keyof typeof WIRE}`;

export const WIRE_FAULTS = Object.fromEntries(
  SERVICES.flatMap((service) =>
    Object.entries(WIRE as Record<string, WireFault>).map(([name, of]): [string, Fault] => {
      const { ofPorts, does, ...fault } = of(service, SERVICE_NAMES[service]);
      const sentence = does.charAt(0).toUpperCase() + does.slice(1);
      return [
        `${service}-${name}`,
        { ...fault, does: sentence, kind: "period", ...(ofPorts ? {} : { services: [service] }) },
      ];
    }),
  ),
) as Readonly<Record<WireFaultName, Fault>>;

const OK: Answer = { status: 200, headers: {}, body: Buffer.alloc(0) };

const PROXY_PAGE =
  "<html><head><title>Sign in</title></head><body><h1>Please sign in to the network</h1></body></html>\n";

function failure(service: Service, status: number, retryAfterSeconds: number | undefined): Answer {
  const answer = FAILURE[service](status);
  if (retryAfterSeconds === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, "retry-after": String(retryAfterSeconds) } };
}

/** A failure in the words of each service, as far as it has any. */
const FAILURE: Readonly<Record<Service, (status: number) => Answer>> = {
  imds: (status) => withBody({ ...OK, status }, ""),
  container: (status) =>
    withBody({ ...OK, status }, taskError(codeOf(status), textOf(status), status), "application/json"),
  sts: (status) =>
    withBody({ ...OK, status }, errorDocument({ code: codeOf(status), message: textOf(status), status }), "text/xml"),
  s3: (status) => s3Refusal(status === 503 ? "ServiceUnavailable" : "InternalError", { status }),
};

function codeOf(status: number): string {
  if (status === 429) return "Throttling";
  return status === 503 ? "ServiceUnavailable" : "InternalFailure";
}

function textOf(status: number): string {
  return status === 429 ? "Rate exceeded" : "The request failed: a fault was injected.";
}

/** How far, in standard deviations, one in a hundred is above the middle. */
const Z99 = 2.326;

/** Latencies are skewed to the right: their logarithms are normal, by and large. */
function logNormal(median: number, p99: number, random: Random): number {
  const sigma = Math.log(Math.max(1, p99 / median)) / Z99;
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return median * Math.exp(sigma * normal);
}
