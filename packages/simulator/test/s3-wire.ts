/**
 * S3 alone on a real socket, asked by the stock SDK or by hand. The signer is this file's own, written from AWS's
 * documents: a mistake in the verifier cannot hide behind the same mistake here.
 */

import { createHash, createHmac } from "node:crypto";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { onTestFinished } from "vitest";
import { Journal } from "../src/journal.js";
import { type IssuedCredential, Ledger } from "../src/ledger.js";
import { listen } from "../src/listener.js";
import { S3Service } from "../src/s3/service.js";

export const HOUR = 3_600_000;
export const MIB = 1 << 20;

export const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");

/** A service with one credential that lives for an hour, ended with the test. */
export async function service(options: { createBuckets?: boolean; region?: string } = {}) {
  const clock = new VirtualClock();
  const ledger = new Ledger(1);
  const journal = new Journal();
  const s3 = new S3Service({
    clock,
    ledger,
    journal,
    region: "us-east-1",
    seed: 1,
    createBuckets: true,
    maxSkewMs: () => 15 * 60_000,
    ...options,
  });
  const listening = await listen(0, "S3", s3.handlers("tested"));
  onTestFinished(() => listening.close());
  const port = Number(new URL(listening.url).port);
  const credential = ledger.issue("role", clock.now(), HOUR);
  return { clock, ledger, journal, credential, port, host: `127.0.0.1:${port}` };
}

export type Room = Awaited<ReturnType<typeof service>>;

export function sdk({ host, credential }: Room, config: S3ClientConfig = {}, who: Partial<IssuedCredential> = {}) {
  const { accessKeyId, secretAccessKey, sessionToken } = { ...credential, ...who };
  const client = new S3Client({
    region: "us-east-1",
    endpoint: `http://${host}`,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: async () => ({ accessKeyId, secretAccessKey, sessionToken }),
    ...config,
  });
  onTestFinished(() => client.destroy());
  return client;
}

export interface Asked {
  readonly method?: string;
  /** Path and query, already in their canonical form. */
  readonly url?: string;
  readonly headers?: Record<string, string>;
  /** `x-amz-content-sha256`; default: the body's own. */
  readonly payloadHash?: string;
  readonly body?: string | Buffer;
  /** Names that are signed though no such header is sent. */
  readonly alsoSigned?: readonly string[];
}

interface Signed {
  readonly headers: Record<string, string>;
  readonly signature: string;
  /** Continues the chain of signatures: of a chunk, of a trailer. */
  readonly sign: (...lines: string[]) => string;
}

/** Signs by https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html */
export function signed(room: Room, { method = "PUT", url = "/reports/key", ...asked }: Asked): Signed {
  const { accessKeyId, secretAccessKey, sessionToken } = room.credential;
  const timestamp = new Date(room.clock.now()).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${timestamp.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const payloadHash = asked.payloadHash ?? sha256(asked.body ?? "");
  const headers: Record<string, string> = {
    host: room.host,
    "x-amz-content-sha256": payloadHash,
    "x-amz-date": timestamp,
    "x-amz-security-token": sessionToken,
    ...asked.headers,
  };
  const unsigned = new Set(["transfer-encoding", "content-length", "expect", "connection"]);
  const names = [...Object.keys(headers).filter((name) => !unsigned.has(name)), ...(asked.alsoSigned ?? [])].sort();
  const [path = "", query = ""] = url.split("?");
  const lines = names.map((name) => `${name}:${Object.hasOwn(headers, name) ? headers[name] : ""}\n`).join("");
  const canonical = [method, path, query, lines, names.join(";"), payloadHash].join("\n");
  const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const key = scope.split("/").reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`);
  const sign = (...text: string[]) => {
    const [algorithm = "", ...rest] = text;
    return hmac(key, [algorithm, timestamp, scope, ...rest].join("\n")).toString("hex");
  };
  const signature = sign("AWS4-HMAC-SHA256", sha256(canonical));
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope},SignedHeaders=${names.join(";")},Signature=${signature}`;
  return { headers: { ...headers, authorization }, signature, sign };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly code: string | undefined;
}

/** Sends what is given as it is given. */
export function send(room: Room, { method = "PUT", url = "/reports/key", headers = {}, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port: room.port, method, path: url, headers });
    outgoing.on("error", reject);
    outgoing.on("response", async (incoming) => {
      let text = "";
      for await (const chunk of incoming) text += chunk;
      const [, code] = /<Error><Code>(\w+)</.exec(text) ?? [];
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, code });
    });
    outgoing.end(body);
  });
}

/** Signs and sends. */
export function ask(room: Room, asked: Asked): Promise<Answer> {
  const length = Buffer.byteLength(asked.body ?? "");
  const sized = asked.headers?.["transfer-encoding"] === undefined ? { "content-length": String(length) } : {};
  const { headers } = signed(room, asked);
  return send(room, { ...asked, headers: { ...headers, ...sized } });
}
