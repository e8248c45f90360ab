/** A request whose sender is known: what operations work with. Its body comes when they ask for it. */

import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { single } from "./authentication.js";
import type { RequestBody } from "./body.js";
import type { Content } from "./content.js";
import { S3Error } from "./errors.js";
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

/** Nobody changes a query. */
const NO_QUERY = new URLSearchParams();

/** @throws S3Error for a path that cannot be read. */
export function targetOf({ method = "", url = "", headers }: IncomingMessage): Target {
  // A proxy's form of the address is taken like the plain one.
  const [path, query] = splitUrl(url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/?]*/i, ""));
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
    query: query === "" ? NO_QUERY : new URLSearchParams(query.replaceAll("+", "%2B")),
  };
}

export class S3Request {
  readonly target: Target;
  readonly body: RequestBody;
  readonly #headers: IncomingHttpHeaders;

  constructor(target: Target, headers: IncomingHttpHeaders, body: RequestBody) {
    this.target = target;
    this.#headers = headers;
    this.body = body;
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

  /** Names of the headers that came. */
  headerNames(): string[] {
    return Object.keys(this.#headers);
  }
}

/** What an operation answers. */
export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | ContentRange;
}

/** Bytes of an object, from the first up to, not including, the second number. */
export interface ContentRange {
  readonly content: Content;
  readonly from: number;
  readonly to: number;
}
