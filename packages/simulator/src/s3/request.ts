/** A request whose sender is known and whose body is checked: what operations work with. */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { single } from "./authentication.js";
import { S3Error } from "./errors.js";
import type { Payload } from "./payload.js";
import { decode, splitUrl } from "./signature.js";

/** Where a request is aimed at: read from its address alone. */
export interface Target {
  readonly method: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly query: URLSearchParams;
}

/** Ends of host names before which a bucket's name stands (virtual-host style). */
const BUCKET_HOSTS = /^(.+?)\.(?:localhost|s3[.-].*)$/;

/** @throws S3Error for a path that cannot be read. */
export function targetOf({ method = "", url = "", headers }: IncomingMessage): Target {
  const [path, query] = splitUrl(url);
  const host = (headers.host ?? "").replace(/:\d+$/, "");
  const virtualHost = BUCKET_HOSTS.exec(host)?.[1];
  const inPath = path.slice(1);
  const slash = inPath.indexOf("/");
  const [bucket, key] =
    virtualHost !== undefined
      ? [virtualHost, inPath]
      : slash < 0
        ? [inPath, ""]
        : [inPath.slice(0, slash), inPath.slice(slash + 1)];
  return {
    method,
    bucket: bucket === "" ? undefined : decode(bucket),
    key: key === "" ? undefined : decode(key),
    // In S3's queries a plus is a plus.
    query: new URLSearchParams(query.replaceAll("+", "%2B")),
  };
}

export class S3Request {
  readonly target: Target;
  readonly #headers: IncomingHttpHeaders;
  readonly #payload: Payload;

  constructor(target: Target, headers: IncomingHttpHeaders, payload: Payload) {
    this.target = target;
    this.#headers = headers;
    this.#payload = payload;
  }

  get payload(): Payload {
    return this.#payload;
  }

  header(name: string): string | undefined {
    return single(this.#headers, name);
  }

  param(name: string): string | undefined {
    return this.target.query.get(name) ?? undefined;
  }

  /** A whole number of the query within bounds. */
  number(name: string, least: number, most: number): number | undefined {
    const text = this.param(name);
    if (text === undefined) return undefined;
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new S3Error("InvalidArgument", {
      message: `Argument ${name} must be an integer between ${least} and ${most}`,
      ArgumentName: name,
      ArgumentValue: text,
    });
  }

  /** Headers that are kept with an object and given back with it. */
  objectHeaders(): Record<string, string> {
    const kept: Record<string, string> = {};
    for (const [name, value] of Object.entries(this.#headers)) {
      if (typeof value !== "string") continue;
      if (KEPT_HEADERS.has(name) || name.startsWith("x-amz-meta-")) kept[name] = value;
    }
    const encoding = contentEncoding(this.header("content-encoding"));
    if (encoding !== undefined) kept["content-encoding"] = encoding;
    kept["content-type"] ??= "binary/octet-stream";
    return kept;
  }
}

const KEPT_HEADERS: ReadonlySet<string> = new Set([
  "cache-control",
  "content-disposition",
  "content-language",
  "content-type",
  "expires",
  "x-amz-website-redirect-location",
]);

/** `aws-chunked` is how the body travelled, not what it is. */
function contentEncoding(header: string | undefined): string | undefined {
  const encodings = (header ?? "")
    .split(",")
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== "" && encoding !== "aws-chunked");
  return encodings.length === 0 ? undefined : encodings.join(",");
}

/** What an operation answers. */
export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** With a HEAD: how long the body would be. */
  readonly contentLength?: number;
}
