/**
 * How the members of an operation's input become a request, prepared once per operation from the SDK's own schema, with
 * the headers already in the order in which Signature Version 4 wants them.
 *
 * Only plain values are taken: printable ASCII, finite numbers, dates with four-digit years. Whatever is unusual (and may
 * be an error) is the SDK lane's, which knows what to do with it.
 * @see https://smithy.io/2.0/spec/http-bindings.html for `httpHeader`, `httpQuery`, `httpPrefixHeaders`, `http`
 */

import { NormalizedSchema } from "@smithy/core/schema";
import type { Operation } from "./operations.js";

/** Never signed, because proxies may change them: as the SDK's signer has it. */
const UNSIGNED: ReadonlySet<string> = new Set(["cache-control", "user-agent", "authorization"]);

/** Headers that come from no member. */
export const COMPUTED = [
  "amz-sdk-invocation-id",
  "amz-sdk-request",
  "content-length",
  "content-type",
  "host",
  "user-agent",
  "x-amz-checksum-crc32",
  "x-amz-checksum-crc32c",
  "x-amz-checksum-crc64nvme",
  "x-amz-checksum-mode",
  "x-amz-checksum-sha1",
  "x-amz-checksum-sha256",
  "x-amz-content-sha256",
  "x-amz-date",
  "x-amz-sdk-checksum-algorithm",
  "x-amz-security-token",
  "x-amz-user-agent",
] as const;

export type ComputedHeader = (typeof COMPUTED)[number];

/** The text of a value on the wire; undefined when the value is not plain. */
type ToText = (value: unknown) => string | undefined;

interface Parameter {
  readonly name: string;
  /** Its place among the values of the request. */
  readonly index: number;
  readonly toText: ToText;
}

interface HeaderSlot {
  readonly name: string;
  readonly index: number;
  readonly signed: boolean;
}

export interface Plan {
  readonly operation: Operation;
  /** `PutObject` */
  readonly name: string;
  readonly method: string;
  readonly hasKey: boolean;
  readonly takesBody: boolean;
  /** Members that become a header or a query parameter, by their name. */
  readonly parameters: ReadonlyMap<string, Parameter>;
  readonly allowed: ReadonlySet<string>;
  /** In the order of Signature Version 4. The metadata's headers stand where `x-amz-meta-` stands. */
  readonly headers: readonly HeaderSlot[];
  readonly indexOf: Readonly<Record<ComputedHeader, number>>;
  /** In the order of Signature Version 4; those with a `value` are the same in each request. */
  readonly query: readonly { readonly name: string; readonly index: number; readonly value?: string }[];
  /** How many values a request may have. */
  readonly width: number;
}

export const METADATA_PREFIX = "x-amz-meta-";

const PLAIN = /^[\x20-\x7e]+$/;
const LONE_SURROGATE = /\p{Surrogate}/u;

/** True for text that can be written in UTF-8. */
export function isWellFormed(text: unknown): text is string {
  return typeof text === "string" && !LONE_SURROGATE.test(text);
}

/** True for text that needs no second look in a header. */
export function isPlain(text: unknown): text is string {
  return typeof text === "string" && PLAIN.test(text);
}

export function planOf(operation: Operation): Plan {
  const [, , name, traits, inputSchema] = operation.schema;
  const { http } = traits as { http: [method: string, path: string, status: number] };
  const [path, staticQuery = ""] = http[1].split("?");
  const parameters = new Map<string, Parameter>();
  const headerNames = new Set<string>([...COMPUTED, METADATA_PREFIX]);
  const query: { name: string; member?: string; value?: string }[] = staticQuery
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => ({ name: pair.split("=")[0] ?? "", value: pair.split("=")[1] ?? "" }));
  const members = new Map(NormalizedSchema.of(inputSchema).structIterator());
  const found: { member: string; header?: string; query?: string; toText: ToText }[] = [];
  for (const member of operation.members) {
    const schema = members.get(member);
    if (schema === undefined) continue;
    const { httpHeader, httpQuery } = schema.getMergedTraits();
    const toText = textOf(schema);
    if (httpHeader !== undefined) found.push({ member, header: httpHeader.toLowerCase(), toText });
    if (httpQuery !== undefined) found.push({ member, query: httpQuery, toText });
  }
  for (const { header, query: parameter, member } of found) {
    if (header !== undefined) headerNames.add(header);
    if (parameter !== undefined) query.push({ name: parameter, member });
  }
  const names = [...headerNames].sort();
  query.sort((one, other) => (one.name < other.name ? -1 : 1));
  for (const { member, header, query: parameter, toText } of found) {
    const index =
      header === undefined ? names.length + query.findIndex((q) => q.name === parameter) : names.indexOf(header);
    parameters.set(member, { name: header ?? parameter ?? member, index, toText });
  }
  return {
    operation,
    name,
    method: http[0],
    hasKey: path === "/{Key+}",
    takesBody: operation.members.includes("Body"),
    parameters,
    allowed: new Set(operation.members),
    headers: names.map((header, index) => ({ name: header, index, signed: !UNSIGNED.has(header) })),
    indexOf: Object.fromEntries(COMPUTED.map((header) => [header, names.indexOf(header)])) as Plan["indexOf"],
    query: query.map(({ name: parameter, value }, index) => ({
      name: parameter,
      index: names.length + index,
      ...(value === undefined ? {} : { value }),
    })),
    width: names.length + query.length,
  };
}

function textOf(schema: NormalizedSchema): ToText {
  const inQuery = schema.getMergedTraits().httpQuery !== undefined;
  if (schema.isTimestampSchema()) return timestampText(schema);
  if (schema.isNumericSchema()) return (value) => (Number.isFinite(value) ? String(value) : undefined);
  if (schema.isBooleanSchema()) return (value) => (typeof value === "boolean" ? String(value) : undefined);
  if (inQuery) return (value) => (isWellFormed(value) ? value : undefined);
  return (value) => (isPlain(value) ? value : undefined);
}

/** Smithy's `date-time`, in the SDK's numbering of types; other timestamps in headers are `http-date`. */
const DATE_TIME = 5;

function timestampText(schema: NormalizedSchema): ToText {
  const isDateTime = schema.getSchema() === DATE_TIME;
  return (value) => {
    if (!(value instanceof Date)) return undefined;
    const year = value.getUTCFullYear();
    // Also false for a date that is none.
    if (!(year >= 1000 && year <= 9999)) return undefined;
    return isDateTime ? value.toISOString().replace(".000Z", "Z") : value.toUTCString();
  };
}
