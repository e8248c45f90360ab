/** A simulator for one test, and what asks it: plain requests to IMDS, and the real SDK. */

import { S3Client, type S3ClientConfig } from "@aws-sdk/client-s3";
import { VirtualClock } from "@evertoken/core";
import { type Endpoints, type Simulator, type SimulatorOptions, startSimulator } from "@evertoken/simulator";
import { onTestFinished } from "vitest";

export const HOUR = 3_600_000;
export const ROLES = "/latest/meta-data/iam/security-credentials/";
export const CREDENTIALS = `${ROLES}evertoken-role`;

export interface Document {
  readonly AccessKeyId: string;
  readonly SecretAccessKey: string;
  readonly Token: string;
  readonly Expiration: string;
  readonly AccountId?: string;
}

/** A simulator whose clock is moved by hand, ended with the test. */
export async function simulated(options: SimulatorOptions = {}) {
  const clock = new VirtualClock();
  const simulator = await startSimulator({ clock, ...options });
  onTestFinished(() => simulator.close());
  return { simulator, clock, imds: imdsOf(simulator) };
}

export function imdsOf({ imdsUrl }: Endpoints) {
  const request = (method: string, path: string, headers: Record<string, string> = {}) =>
    fetch(`${imdsUrl}${path}`, { method, headers });
  const token = async (ttl = 21_600) => {
    const answer = await request("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": String(ttl) });
    return answer.text();
  };
  const get = async (path: string, withToken?: string) =>
    request("GET", path, { "x-aws-ec2-metadata-token": withToken ?? (await token()) });
  const credentials = async (): Promise<Document> => {
    const answer = await get(CREDENTIALS);
    return (await answer.json()) as Document;
  };
  return { request, token, get, credentials };
}

export function identityOf({ AccessKeyId, SecretAccessKey, Token }: Document) {
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: Token };
}

/** The stock SDK with the credentials that IMDS hands out now. */
export async function s3Of(simulator: Simulator, config: S3ClientConfig = {}) {
  const credentials = identityOf(await imdsOf(simulator).credentials());
  const client = new S3Client({
    region: "us-east-1",
    endpoint: simulator.s3Url,
    forcePathStyle: true,
    credentials,
    maxAttempts: 1,
    ...config,
  });
  onTestFinished(() => client.destroy());
  return client;
}
