/**
 * The SDK clients of a pool: alike, so what the SDK reads from the environment and the shared config file is read by the
 * first of them, for all. By itself each would build some fifteen readers of its own, half of what a client weighs.
 */

import type { S3ClientConfig } from "@aws-sdk/client-s3";
import type { Provider } from "@evertoken/credentials";
import type { FastLane, LaneClient } from "./fast-lane/lane.js";
import { LanedS3Client } from "./fast-lane/laned-client.js";
import type { SharedConnections } from "./shared-connections.js";

/** Settings of `S3ClientConfig` that come from the environment or the shared config file, and what holds no state. */
const SHARED = [
  "authSchemePreference",
  "defaultUserAgentProvider",
  "defaultsMode",
  "disableS3ExpressSessionAuth",
  "maxAttempts",
  "requestChecksumCalculation",
  "responseChecksumValidation",
  "retryMode",
  "sigv4aSigningRegionSet",
  "useArnRegion",
  "useDualstackEndpoint",
  "useFipsEndpoint",
  "userAgentAppId",
] as const satisfies readonly (keyof S3ClientConfig)[];

export interface SdkClientSettings {
  /** Of all clients. */
  readonly config: S3ClientConfig;
  readonly connections: SharedConnections;
  readonly lane: FastLane;
}

/** Makes one client after the other. */
export function sdkClients({ config, connections, lane }: SdkClientSettings) {
  let shared: Partial<S3ClientConfig> | undefined;
  return ({ credentials }: { readonly credentials: Provider }): LaneClient => {
    const client = new LanedS3Client(
      { ...shared, ...config, credentials, requestHandler: connections.handler() },
      lane,
    );
    shared ??= Object.fromEntries(SHARED.map((name) => [name, client.config[name]]));
    return client;
  };
}
