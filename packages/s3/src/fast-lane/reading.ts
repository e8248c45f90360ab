/** What a command's input says, as far as it is plain: the values of a plan's headers and query, the path, the body. */

import type { Diversion } from "./diversion.js";
import { isPlain, isWellFormed, METADATA_PREFIX, type Plan } from "./plan.js";

export interface Reading {
  readonly bucket: string;
  /** Encoded for the path, without the slash before it; empty for operations on the bucket. */
  readonly key: string;
  /** By the plan's indexes. */
  readonly values: (string | undefined)[];
  /** Header names and values, sorted by name. */
  readonly metadata: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
  /** The SDK gives no length for nothing and for empty text. */
  readonly hasLength: boolean;
}

type Input = Readonly<Record<string, unknown>>;

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** S3 Express, Outposts and Object Lambda names, and aliases of access points. */
const SPECIAL_BUCKET = /(--x-s3|--op-s3|--ol-s3|-s3alias|\.mrap)$/;

const NO_METADATA: Reading["metadata"] = [];

export function readInput(plan: Plan, input: Input): Reading | Diversion {
  const prototype = Object.getPrototypeOf(input);
  if (prototype !== Object.prototype && prototype !== null) return "value";
  const values = new Array<string | undefined>(plan.width);
  let metadata = NO_METADATA;
  let body: Uint8Array | undefined;
  let hasLength = false;
  for (const member of Object.keys(input)) {
    const value = input[member];
    if (value === undefined || value === null) continue;
    if (!plan.allowed.has(member)) return "member";
    const parameter = plan.parameters.get(member);
    if (parameter !== undefined) {
      const text = parameter.toText(value);
      if (text === undefined) return "value";
      values[parameter.index] = text;
    } else if (member === "Metadata") {
      const read = metadataOf(value);
      if (read === undefined) return "value";
      metadata = read;
    } else if (member === "Body") {
      body = bytesOf(value);
      if (body === undefined) return "body";
      hasLength = value !== "";
    }
  }
  const { Bucket: bucket, Key } = input;
  if (typeof bucket !== "string" || !BUCKET.test(bucket) || SPECIAL_BUCKET.test(bucket)) return "bucket";
  const key = plan.hasKey ? pathOf(Key) : "";
  if (key === undefined) return "value";
  return { bucket, key, values, metadata, body, hasLength };
}

/** Undefined for what is no body of known bytes. */
function bytesOf(value: unknown): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined;
}

/** What may stand in the name of a header: https://www.rfc-editor.org/rfc/rfc9110#name-tokens */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

function metadataOf(value: unknown): Reading["metadata"] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const pairs: [string, string][] = [];
  for (const [name, text] of Object.entries(value)) {
    if (!TOKEN.test(name) || !isPlain(text)) return undefined;
    pairs.push([METADATA_PREFIX + name.toLowerCase(), text]);
  }
  if (pairs.length < 2) return pairs;
  pairs.sort(([one], [other]) => (one < other ? -1 : 1));
  // Names that differ in case only: which of them counts is the SDK's to say.
  return pairs.some(([name], index) => name === pairs[index + 1]?.[0]) ? undefined : pairs;
}

const UNRESERVED_PATH = /^[\w.~/-]+$/;
const UNRESERVED = /^[\w.~-]*$/;

function pathOf(key: unknown): string | undefined {
  if (typeof key !== "string" || key === "") return undefined;
  if (UNRESERVED_PATH.test(key)) return key;
  return isWellFormed(key) ? encode(key).replaceAll("%2F", "/") : undefined;
}

/** As Signature Version 4 has it: everything but `A-Z a-z 0-9 - . _ ~`. */
export function encode(text: string): string {
  if (UNRESERVED.test(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
