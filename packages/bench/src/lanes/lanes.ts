/** The ways to S3 that are compared. Each loads what it needs and nothing of the others, which would count as its memory. */

import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { LARGE_BYTES, readFolder } from "../objects.js";
import type { Case } from "./cases.js";

export const LANES = {
  /** The SDK as it comes, with keep-alive and as many sockets as a pool has. */
  stock: "stock SDK",
  sdk: "pool, SDK lane",
  fast: "pool, fast lane",
  /** Nothing but bytes: no signature, no checksum, no outputs. */
  undici: "bare undici",
};

export type LaneName = keyof typeof LANES;

export interface Way {
  readonly endpoint: string;
  readonly ca: string;
}

/** One operation, to its end; `body` for those that send one. */
type Send = (index: number, body: Buffer) => Promise<unknown>;

const SOCKETS = 100;

// Of the form and length that an instance role's have; nobody checks them.
const CREDENTIALS = {
  accessKeyId: "ASIAEVERTOKENBENCH00",
  secretAccessKey: "0".repeat(40),
  sessionToken: "0".repeat(1000),
};

export async function openLane(
  name: LaneName,
  { operation, size, scheme }: Case,
  { endpoint, ca }: Way,
): Promise<Send> {
  const bucket = operation === "get" ? readFolder(size) : size > LARGE_BYTES ? "large" : "small";
  const key = (index: number) => `2026/11/reports-${index % 1000}.csv`;
  if (name === "undici") {
    const { Agent, request } = await import("undici");
    const dispatcher = new Agent({ connections: SOCKETS, connect: { ca } });
    const method = operation === "get" ? "GET" : "PUT";
    return async (index, body) => {
      const options = operation === "get" ? { method, dispatcher } : { method, dispatcher, body };
      const answer = await request(`${endpoint}/${bucket}/${key(index)}`, options);
      return answer.body.bytes();
    };
  }
  const { GetObjectCommand, PutObjectCommand } = await import("@aws-sdk/client-s3");
  const client = await clientOf(name, scheme, { endpoint, ca });
  if (operation === "put") {
    return (index, Body) => client.send(new PutObjectCommand({ Bucket: bucket, Key: key(index), Body }));
  }
  return async (index) => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key(index) }));
    return Body?.transformToByteArray();
  };
}

async function clientOf(name: Exclude<LaneName, "undici">, scheme: Case["scheme"], { endpoint, ca }: Way) {
  const common = { region: "us-east-1", endpoint, forcePathStyle: true, credentials: CREDENTIALS };
  if (name !== "stock") {
    const { createS3Pool } = await import("@evertoken/s3");
    return createS3Pool({ ...common, ca, maxConnections: SOCKETS, fastLane: name === "fast" });
  }
  const { S3Client } = await import("@aws-sdk/client-s3");
  const { NodeHttpHandler } = await import("@smithy/node-http-handler");
  const requestHandler = new NodeHttpHandler(
    scheme === "http"
      ? { httpAgent: new HttpAgent({ keepAlive: true, maxSockets: SOCKETS }) }
      : { httpsAgent: new HttpsAgent({ keepAlive: true, maxSockets: SOCKETS, ca }) },
  );
  return new S3Client({ ...common, requestHandler });
}
