/**
 * The fleet's figures, from whatever speaks Prometheus's HTTP API: Prometheus, Thanos, Mimir, VictoriaMetrics. Passed on to the page
 * and never kept; three questions can be asked, all of them for reading.
 *
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/
 */

import { readFile } from "node:fs/promises";
import { type Clock, check, describeError, EvertokenError, systemClock } from "@evertoken/core";
import * as v from "valibot";
import { type Answer, problem } from "./answers.js";

export interface FleetOptions {
  /** Where its API is, without `/api/v1`: `http://prometheus:9090`, `https://mimir.example/prometheus`. */
  readonly prometheusUrl: string;
  /** A file with the value of `Authorization`, `Bearer …` or `Basic …`; read anew for each question. Default: none is sent. */
  readonly authorizationFile?: string | undefined;
  /** How long an answer may take, in milliseconds. Default 15,000. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Thousands of hosts with a handful of figures each. */
const MOST_BYTES = 16 << 20;

/** Browsers ask six at a time. */
const MOST_AT_A_TIME = 32;

const LONGEST_QUERY = 8000;

const urlMessage = (issue: { input: unknown }) =>
  `is ${JSON.stringify(issue.input)}: expected http(s)://host[:port][/prefix], without a query or a password`;

const schema = v.strictObject({
  prometheusUrl: v.pipe(v.string("must be a URL"), v.check(isPlainUrl, urlMessage)),
  authorizationFile: v.optional(v.pipe(v.string("must be a path"), v.nonEmpty("must not be empty"))),
  timeoutMs: v.optional(
    v.pipe(v.number("must be milliseconds"), v.minValue(100, "must be 100 milliseconds or more")),
    15_000,
  ),
  clock: v.optional(v.custom<Clock>((value) => typeof value === "object" && value !== null, "must be a Clock")),
});

/** What is wrong, for whoever looks at the page. */
class FleetError extends EvertokenError {
  readonly code: string;
  readonly status: number;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

const QUESTIONS: readonly {
  readonly path: RegExp;
  readonly upstream: (name: string) => string;
  readonly parameters: readonly string[];
}[] = [
  { path: /^\/query$/, upstream: () => "/api/v1/query", parameters: ["query", "time"] },
  { path: /^\/query_range$/, upstream: () => "/api/v1/query_range", parameters: ["query", "start", "end", "step"] },
  {
    path: /^\/label\/([a-zA-Z_]\w{0,99})\/values$/,
    upstream: (name) => `/api/v1/label/${name}/values`,
    parameters: ["match[]", "start", "end"],
  },
];

export class Fleet {
  readonly url: string;
  readonly #authorizationFile: string | undefined;
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  #underWay = 0;

  /** @throws InvalidInputError when an option is not what it must be. */
  constructor(options: FleetOptions) {
    const { prometheusUrl, authorizationFile, timeoutMs, clock } = check(schema, options, "createFleet options");
    this.url = prometheusUrl.replace(/\/+$/, "");
    this.#authorizationFile = authorizationFile;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock ?? systemClock;
  }

  /**
   * @param path behind `/api/prometheus`: `/query`.
   * @param gone aborts when nobody waits for the answer any more.
   */
  async answer(path: string, query: URLSearchParams, gone: AbortSignal): Promise<Answer> {
    if (this.#underWay >= MOST_AT_A_TIME)
      return problem(503, "busy", "too many questions at a time", { "retry-after": "1" });
    this.#underWay += 1;
    try {
      return await this.#ask(questionOf(path, query), gone);
    } catch (error) {
      if (error instanceof FleetError) return problem(error.status, error.code, error.message);
      return problem(502, "unavailable", `Prometheus at ${this.url} does not answer: ${describeError(error)}`);
    } finally {
      this.#underWay -= 1;
    }
  }

  async #ask(question: string, gone: AbortSignal): Promise<Answer> {
    const timeout = new AbortController();
    const timer = this.#clock.network.setTimer(this.#timeoutMs, () => {
      timeout.abort(
        new FleetError(504, "timeout", `Prometheus at ${this.url} has not answered in ${this.#timeoutMs} ms`),
      );
    });
    try {
      const response = await fetch(`${this.url}${question}`, {
        headers: { accept: "application/json", ...(await this.#authorization()) },
        redirect: "manual",
        signal: AbortSignal.any([timeout.signal, gone]),
      });
      const body = await this.#bodyOf(response);
      this.#assertPrometheus(response, body);
      const headers = { "content-type": "application/json", "cache-control": "no-store" };
      return { status: response.status, headers, body };
    } finally {
      timer.cancel();
    }
  }

  async #authorization(): Promise<Record<string, string>> {
    if (this.#authorizationFile === undefined) return {};
    const text = await readFile(this.#authorizationFile, "utf8").catch((error) => {
      throw new FleetError(502, "authorization", `${this.#authorizationFile} cannot be read: ${describeError(error)}`);
    });
    const value = text.trim();
    if (/^\S+ \S+$/.test(value)) return { authorization: value };
    const message = `${this.#authorizationFile} does not hold one line of "Bearer …" or "Basic …"`;
    throw new FleetError(502, "authorization", message);
  }

  async #bodyOf(response: Response): Promise<Buffer> {
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.length;
      if (size > MOST_BYTES) {
        const message = `the answer of Prometheus at ${this.url} is larger than ${MOST_BYTES >> 20} MiB: ask for fewer hosts or a coarser step`;
        throw new FleetError(502, "too-large", message);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** What Prometheus says of a bad query is its own to say; whoever else answers is none. */
  #assertPrometheus({ status }: Response, body: Buffer): void {
    if (status === 401 || status === 403) {
      const advice =
        this.#authorizationFile === undefined
          ? "--authorization-file names a file with what it wants"
          : "it does not take what the file holds";
      throw new FleetError(502, "authorization", `Prometheus at ${this.url} refuses to answer (${status}): ${advice}`);
    }
    if (isPrometheusAnswer(body)) return;
    const message = `what answers at ${this.url} (${status}) is not Prometheus: the URL may lack a prefix, such as /prometheus`;
    throw new FleetError(502, "not-prometheus", message);
  }
}

/** @throws InvalidInputError when an option is not what it must be. */
export function createFleet(options: FleetOptions): Fleet {
  return new Fleet(options);
}

function questionOf(path: string, query: URLSearchParams): string {
  for (const { path: pattern, upstream, parameters } of QUESTIONS) {
    const found = pattern.exec(path);
    if (found === null) continue;
    for (const [name, value] of query) {
      if (!parameters.includes(name))
        throw new FleetError(400, "bad_data", `${name}: expected ${parameters.join(", ")}`);
      if (value.length > LONGEST_QUERY)
        throw new FleetError(400, "bad_data", `${name} is longer than ${LONGEST_QUERY}`);
    }
    return `${upstream(found[1] ?? "")}?${query}`;
  }
  throw new FleetError(404, "not_found", "expected query, query_range or label/NAME/values");
}

function isPrometheusAnswer(body: Buffer): boolean {
  try {
    const { status } = Object(JSON.parse(body.toString("utf8")));
    return status === "success" || status === "error";
  } catch {
    return false;
  }
}

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && [username, password, search, hash].every((part) => part === "");
}
