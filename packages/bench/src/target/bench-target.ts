/** Where the operations of a run go: the discarding server, the simulator, or an endpoint and bucket of the user's own. */

import { isIP } from "node:net";
import { createKeeper, type Keeper } from "@evertoken/credentials";
import type { StaticCredentials } from "../candidates/client.js";
import type { CaseSettings, Settings } from "../record.js";
import { SimulatedWorld } from "./simulated.js";
import { startTarget } from "./target.js";

export interface BenchTarget {
  /** Whether it keeps what is written, so that it can be looked at, and has to be removed. */
  readonly stores: boolean;
  readonly region: string;
  readonly bucket: string;
  /** Of the process that answers, when it is on this machine. */
  readonly pid?: number;
  /** PEM file of whom to trust beside Node.js's own. */
  readonly caFile?: string;
  endpoint(of: Pick<CaseSettings, "tls">): string;
  /** @throws CredentialsUnavailableError */
  credentials(): Promise<StaticCredentials>;
  close(): Promise<void>;
}

/** Of the form and length that an instance role's have; nobody checks them. */
const UNCHECKED: StaticCredentials = {
  accessKeyId: "ASIAEVERTOKENBENCH00",
  secretAccessKey: "0".repeat(40),
  sessionToken: "0".repeat(1000),
};

/** Whether requests to this endpoint stay on this machine. */
export function isLoopback(endpoint: string): boolean {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || host.endsWith(".localhost") || host === "::1") return true;
  return isIP(host) === 4 && host.startsWith("127.");
}

export async function openTarget(settings: Settings, sizesToRead: readonly number[]): Promise<BenchTarget> {
  if (settings.target === "discard") return discarding(sizesToRead);
  if (settings.target === "simulator") return simulated();
  return endpointOf(settings);
}

async function discarding(sizesToRead: readonly number[]): Promise<BenchTarget> {
  const { http, https, caFile, pid, close } = await startTarget(sizesToRead);
  return {
    stores: false,
    region: "us-east-1",
    bucket: "evertoken-bench",
    pid,
    caFile,
    endpoint: ({ tls }) => (tls ? https : http),
    credentials: async () => UNCHECKED,
    close,
  };
}

async function simulated(): Promise<BenchTarget> {
  const world = await SimulatedWorld.start({ rotating: false });
  const { AWS_ACCESS_KEY_ID: accessKeyId = "", AWS_SECRET_ACCESS_KEY: secretAccessKey = "" } = world.environment;
  return {
    stores: true,
    region: world.environment.AWS_REGION ?? "us-east-1",
    bucket: "evertoken-bench",
    pid: world.pid,
    endpoint: () => world.s3Url,
    credentials: async () => ({ accessKeyId, secretAccessKey }),
    close: () => world.close(),
  };
}

function endpointOf({ target, bucket = "", region = "us-east-1" }: Settings): BenchTarget {
  let keeper: Keeper | undefined;
  return {
    stores: true,
    region,
    bucket,
    endpoint: () => target,
    credentials: async () => {
      keeper ??= createKeeper();
      const { accessKeyId, secretAccessKey, sessionToken } = await keeper.provider();
      return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
    },
    close: async () => keeper?.close(),
  };
}
