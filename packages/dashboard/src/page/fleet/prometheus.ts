/**
 * Questions to the server behind the page's own, in PromQL. What comes back is numbers with labels; their meaning is
 * `docs/metrics.md`'s.
 * @see https://prometheus.io/docs/prometheus/latest/querying/api/
 */

export type Labels = Readonly<Record<string, string>>;

/** Of one instant. */
export interface Value {
  readonly labels: Labels;
  readonly value: number;
}

/** Over time; instants in epoch milliseconds. */
export interface Series {
  readonly labels: Labels;
  readonly points: readonly (readonly [at: number, value: number])[];
}

type Point = readonly [seconds: number, value: string];

type Answer =
  | { readonly status: "success"; readonly data: { readonly result: readonly Result[] } }
  | { readonly status: "error"; readonly error?: string };

interface Result {
  readonly metric: Labels;
  readonly value?: Point;
  readonly values?: readonly Point[];
}

/** Its message is for whoever looks at the page. */
class QueryError extends Error {}

const API = "./api/prometheus";

export async function query(expression: string, signal: AbortSignal): Promise<Value[]> {
  const results = await ask("query", { query: expression }, signal);
  return results.flatMap(({ metric, value }) =>
    value === undefined ? [] : [{ labels: metric, value: numberIn(value[1]) }],
  );
}

export interface Span {
  /** Epoch milliseconds. */
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

export async function queryRange(expression: string, span: Span, signal: AbortSignal): Promise<Series[]> {
  const { from, to, stepMs } = span;
  const parameters = { query: expression, start: from / 1000, end: to / 1000, step: stepMs / 1000 };
  const results = await ask("query_range", parameters, signal);
  return results.map(({ metric, values = [] }) => ({
    labels: metric,
    points: values.map(([seconds, value]) => [Math.round(seconds * 1000), numberIn(value)]),
  }));
}

async function ask(
  path: string,
  parameters: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<readonly Result[]> {
  const search = new URLSearchParams(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
  const response = await fetch(`${API}/${path}?${search}`, { signal }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new QueryError("The server of this page does not answer. Is it still running?", { cause });
  });
  const answer = (await response.json().catch((cause: unknown) => {
    signal.throwIfAborted();
    throw new QueryError(`The server of this page answered ${response.status}, and not in JSON.`, { cause });
  })) as Answer;
  if (answer.status === "success") return answer.data.result;
  throw new QueryError(answer.error ?? `The server of this page answered ${response.status}.`);
}

function numberIn(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  return text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

/** A matcher for labels whose values are anything. */
export function selector(labels: Labels): string {
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `{${matchers.join(",")}}`;
}
