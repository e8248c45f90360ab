/** The AWS SDK's own signer, for requests that are written by hand. */

import { createHash, createHmac, type Hash, type Hmac } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";

/** SHA-256 in the form in which the signer takes it. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash("sha256") : createHmac("sha256", secret as string);
  }

  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(chunk as string);
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }

  reset(): void {}
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Written {
  readonly method: string;
  /** With its query, which may hold no escape sequences. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

function signerOf(service: "s3" | "sts", credentials: Credentials) {
  return new SignatureV4({
    service,
    region: "us-east-1",
    credentials,
    sha256: Sha256,
    uriEscapePath: service !== "s3",
    applyChecksum: service === "s3",
  });
}

function requestOf(url: string, { method, path, headers = {}, body }: Written) {
  const { hostname, port, host } = new URL(url);
  const [pathname = "/", search = ""] = path.split("?");
  const query = Object.fromEntries(new URLSearchParams(search));
  return {
    method,
    protocol: "http:",
    hostname,
    port: Number(port),
    path: pathname,
    query,
    headers: { ...headers, host },
    ...(body === undefined ? {} : { body }),
  };
}

/** The request with the headers that sign it. */
export async function signed(
  url: string,
  written: Written,
  { service, credentials, at }: { service: "s3" | "sts"; credentials: Credentials; at: number },
): Promise<Written> {
  const request = requestOf(url, written);
  const { headers } = await signerOf(service, credentials).sign(request, { signingDate: new Date(at) });
  return { ...written, headers };
}

/** The path of a presigned request to STS. */
export async function presignedPath(
  url: string,
  written: Written,
  { credentials, at, expiresIn = 60 }: { credentials: Credentials; at: number; expiresIn?: number },
): Promise<string> {
  const request = requestOf(url, written);
  const { path, query = {} } = await signerOf("sts", credentials).presign(request, {
    signingDate: new Date(at),
    expiresIn,
  });
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `${path}?${pairs.join("&")}`;
}
